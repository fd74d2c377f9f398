import { asText } from '../../lib/object.ts'
import type { CardDetails, GatewayError } from '../gateway.ts'
import { mask } from './faults.ts'

/*
 * Terminology
 *
 * - test card: a number whose outcome is agreed (checkout-api §9.3); nothing else about it matters but expiry and CVC
 * - habit: what a payment with this card does later, when it is captured, refunded or voided; stored with the payment or token
 */

export type Habit = 'timeout_capture' | 'timeout_refund' | 'timeout_auto_capture' | 'timeout_void'
export type Outcome =
  | Habit
  | 'success'
  | 'challenge'
  | 'attempt'
  | 'unverified'
  | 'soft_decline'
  | 'timeout_authorize'
  | 'timeout_token'

/** What the simulator makes of a card: approve, ask the customer, refuse, or not answer and then fail. */
export type CardVerdict =
  | { verdict: 'approve' | 'challenge'; card: CardDetails; habit?: Habit; token_times_out?: boolean }
  | { verdict: 'refuse' | 'timeout'; error: GatewayError; card?: CardDetails }

/** Every test card by its number. Tests and documents are compared with this table, so that no row is forgotten. */
export const testCards: Readonly<Record<string, Outcome>> = {
  4000000000000002: 'success',
  5200000000000007: 'success',
  4000100000000000: 'challenge',
  5200000000000015: 'challenge',
  4000200000000008: 'attempt',
  5200000000000023: 'attempt',
  4000300000000006: 'unverified',
  5200000000000031: 'unverified',
  4100000000000076: 'soft_decline',
  4100000000000001: 'timeout_authorize',
  5100000000000008: 'timeout_authorize',
  4100000000000019: 'timeout_capture',
  5100000000000016: 'timeout_capture',
  4100000000000027: 'timeout_refund',
  5100000000000024: 'timeout_refund',
  4100000000000035: 'timeout_auto_capture',
  5100000000000032: 'timeout_auto_capture',
  4100000000000043: 'timeout_void',
  5100000000000040: 'timeout_void',
  4100000000000050: 'timeout_token',
  5100000000000057: 'timeout_token',
  // Worldline's two, and numbers that every provider's test pages list.
  4154210000000001: 'success',
  5156230000000004: 'success',
  4761739001010416: 'success',
  4925000000000004: 'success',
  5226612199533406: 'success',
  4111111111111111: 'success',
  4242424242424242: 'success',
  5555555555554444: 'success',
  378282246310005: 'success',
}

/** What becomes of a gift card with this number. */
type GiftCardOutcome = 'success' | 'insufficient' | 'expired'
/** Every test gift card by its number. */
export const testGiftCards: Readonly<Record<string, GiftCardOutcome>> = {
  6000000000000007: 'success',
  6000000000000015: 'insufficient',
  6000000000000023: 'expired',
}

/** Visa's and Mastercard's response codes that mean something particular (checkout-api §4.3); any other code is `DECLINED`. */
const codes: Record<string, [type: string, message: string]> = {
  '03': ['INVALID_MERCHANT', 'The merchant is not valid.'],
  '04': ['PICK_UP_CARD', 'The card must be picked up.'],
  '05': ['DECLINED', 'The issuer declined, without a reason.'],
  12: ['INVALID_TRANSACTION', 'The transaction is not valid.'],
  13: ['INVALID_AMOUNT', 'The amount is not valid.'],
  14: ['DECLINED', 'There is no such card number.'],
  '1A': ['ADDITIONAL_VERIFICATION_REQUIRED', 'The issuer wants the customer to be authenticated with 3-D Secure.'],
  41: ['PICK_UP_CARD', 'The card is reported lost.'],
  43: ['PICK_UP_CARD', 'The card is reported stolen.'],
  46: ['CLOSED_ACCOUNT', 'The account is closed.'],
  51: ['INSUFFICIENT_FUNDS', 'There is not enough money on the account.'],
  54: ['EXPIRED_CARD', 'The card has expired.'],
  57: ['RESTRICTED_CARD', 'The card may not be used for this.'],
  61: ['EXCEEDS_APPROVAL_LIMIT', 'The amount exceeds the limit of the card.'],
  62: ['RESTRICTED_CARD', 'The card is restricted.'],
  65: ['EXCEEDS_WITHDRAWAL_FREQUENCY_LIMIT', 'The card was used too often.'],
  70: ['PIN_REQUIRED', 'The issuer wants the PIN.'],
  82: ['FAILED_VERIFICATION', 'The CVC is wrong.'],
  91: ['ISSUER_ERROR', 'The issuer does not answer.'],
  96: ['ERROR', 'The network had a fault.'],
}
const never = new Set(['03', '04', '12', '14', '41', '43', '46', '57'])
const later = new Set(['51', '61', '65', '91', '96'])

/** The refusal that a response code stands for, with what the schemes say about trying again. `now` dates the retry. */
export function refusalOf(result_code: string, now: Date): GatewayError {
  const [type, message] = codes[result_code] ?? ['DECLINED', `The issuer declined with code ${result_code}.`]
  const retry_policy = never.has(result_code)
    ? { retry_codes: ['DO_NOT_RETRY'] }
    : later.has(result_code)
      ? { retry_codes: ['RETRY_AFTER_DELAY'], retry_after: new Date(now.getTime() + 86_400_000).toISOString() }
      : { retry_codes: ['RETRY_IMMEDIATELY'] }
  return { code: 'card_declined', message, type: type === 'DECLINED' ? [type] : ['DECLINED', type], result_code, retry_policy }
}

/** Judges the card fields of a payment (`CardIn`): form first, then expiry and CVC, then the table. */
export function judgeCard(fields: Readonly<Record<string, unknown>>, now: Date): CardVerdict {
  const number = (asText(fields.number) ?? '').replace(/[\s-]/g, '')
  const outcome = testCards[number]
  if (!/^\d{12,19}$/.test(number) || (!outcome && !luhn(number)))
    return refuse('card_number_invalid', 'This is not a card number.')
  const expiry = readExpiry(fields.expiry)
  if (!expiry) return refuse('card_expiry_invalid', 'The expiry date must be MM/YY or MM/YYYY.')
  if (expiry.ends <= now) return refuse('card_expired', 'The card has expired.', ['EXPIRED_CARD'])
  const american = number.startsWith('3')
  if (!new RegExp(`^\\d{${american ? 4 : 3}}$`).test(asText(fields.cvc) ?? '')) {
    return refuse('card_cvc_invalid', `The CVC must have ${american ? 4 : 3} digits.`, ['FAILED_VERIFICATION'])
  }
  const card = details(number, expiry.text, outcome)
  const code = /^RC-([0-9A-Z]{2})$/i.exec((asText(fields.cardholder_name) ?? '').trim())?.[1]
  if (code) return { verdict: 'refuse', error: refusalOf(code.toUpperCase(), now), card }
  return judge(outcome, card, now)
}

/** Judges the number of a gift card: it pays all of the amount, or is refused. */
export function judgeGiftCard(number: unknown): GatewayError | undefined {
  switch (testGiftCards[(asText(number) ?? '').replace(/[\s-]/g, '')]) {
    case 'success':
      return undefined
    case 'insufficient':
      return {
        code: 'gift_card_insufficient',
        message: 'There is not enough left on the gift card.',
        type: ['INSUFFICIENT_FUNDS'],
      }
    case 'expired':
      return { code: 'gift_card_expired', message: 'The gift card has expired.', type: ['EXPIRED_CARD'] }
    case undefined:
      return {
        code: 'gift_card_unknown',
        message: 'This is not a test gift card. docs/gateways.md lists them.',
        type: ['DECLINED'],
      }
  }
}

function judge(outcome: Outcome | undefined, card: CardDetails, now: Date): CardVerdict {
  switch (outcome) {
    case undefined:
      return { ...refuse('card_unknown', 'This is not a test card. docs/gateways.md lists them.', ['DECLINED']), card }
    case 'success':
    case 'attempt':
      return { verdict: 'approve', card }
    case 'challenge':
      return { verdict: 'challenge', card }
    case 'unverified':
      return { ...refuse('authentication_failed', 'The 3-D Secure verification failed.', ['FAILED_VERIFICATION']), card }
    case 'soft_decline':
      return { verdict: 'refuse', error: refusalOf('1A', now), card }
    case 'timeout_authorize':
      return {
        verdict: 'timeout',
        error: { code: 'timeout', message: 'The issuer did not answer in time.', type: ['ERROR'] },
        card,
      }
    case 'timeout_token':
      return { verdict: 'approve', card, token_times_out: true }
    default:
      return { verdict: 'approve', card, habit: outcome }
  }
}

/** What every card payment shows that did not come from typed fields: a wallet, a hosted page, `simulate`. */
export function defaultCard(now: Date): CardDetails {
  return details('4000000000000002', `12/${now.getUTCFullYear() + 3}`, 'success')
}

function details(number: string, expiry_date: string, outcome: Outcome | undefined): CardDetails {
  const mastercard = number.startsWith('5') || number.startsWith('2')
  const brand = mastercard ? 'MasterCard' : number.startsWith('3') ? 'Amex' : 'Visa'
  const attempt = outcome === 'attempt'
  return {
    brand,
    masked_pan: mask(number),
    expiry_date,
    type: 'Credit',
    country: 'NOR',
    region: 'domestic',
    acquirer_transaction_type: '3DSECURE',
    three_ds_version: '2.2.0',
    authentication_status: outcome === 'unverified' ? 'N' : attempt ? 'A' : 'Y',
    eci: mastercard ? (attempt ? '01' : '02') : attempt ? '06' : '05',
  }
}

function refuse(code: string, message: string, type: string[] = ['INVALID_TRANSACTION']): CardVerdict & { verdict: 'refuse' } {
  return { verdict: 'refuse', error: { code, message, type, retry_policy: { retry_codes: ['DO_NOT_RETRY'] } } }
}

/** A card works until the last day of its month, everywhere on Earth. */
function readExpiry(value: unknown): { ends: Date; text: string } | undefined {
  const [, month, year] = /^(\d{1,2})\s*\/\s*(\d{2}|\d{4})$/.exec((asText(value) ?? '').trim()) ?? []
  if (!month || !year || Number(month) < 1 || Number(month) > 12) return undefined
  const full = year.length === 2 ? 2000 + Number(year) : Number(year)
  return { ends: new Date(Date.UTC(full, Number(month), 1, 12)), text: `${month.padStart(2, '0')}/${full}` }
}

/** The check digit of ISO/IEC 7812. */
function luhn(number: string): boolean {
  let sum = 0
  for (let i = 0; i < number.length; i++) {
    const digit = Number(number[number.length - 1 - i])
    sum += i % 2 === 0 ? digit : digit < 5 ? digit * 2 : digit * 2 - 9
  }
  return sum % 10 === 0
}
