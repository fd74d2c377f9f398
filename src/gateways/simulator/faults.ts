import { createHash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { limits } from '../../lib/limits.ts'
import { TextLike } from '../../lib/schema.ts'

/*
 * Terminology
 *
 * - script: what is to go wrong on one test account; replaces the one before
 * - rule: a condition and a fault; the first rule that fits a call decides, the others are not looked at
 * - fault: what goes wrong. It changes what the caller is told, when, and whether money moved; never the simulator's own bookkeeping
 */

export const operations = ['authorize', 'capture', 'refund', 'void', 'update_authorization'] as const
export type Kind = (typeof operations)[number]

/** Every fault, with what it does. Those that begin with `hold` and `succeed_after_expiry` are for authorizations. */
export const faults = {
  decline: 'Refused; `result_code` says with which response code.',
  timeout_before: 'No answer, and the call never arrived: nothing moved. Asking again with the same key does it.',
  timeout_after: 'No answer, but it was done. Asked again after `after_s`, the truth is told.',
  duplicate: 'The call arrives twice with the same key. It must be done once.',
  late: 'No answer; the call arrives `after_s` later and is judged then, against what happened in between.',
  slow: 'Done and answered, after `slow_ms`.',
  pending: 'Accepted, settled after `after_s`.',
  pending_then_fail: 'Accepted, and refused after `after_s`. Nothing moves.',
  hold_then_approve: 'Held for review, approved after `after_s`.',
  hold_then_fail: 'Held for review, refused after `after_s`.',
  succeed_after_expiry: 'As `late`; choose an `after_s` past the expiry of the session.',
  refuse_partial_void: 'Refused when part of the authorization is captured; otherwise nothing goes wrong.',
} as const
export type Fault = keyof typeof faults

const FaultName = Type.Enum(Object.keys(faults) as Fault[])
const closed = { additionalProperties: false } as const

export const Rule = Type.Object(
  {
    when: Type.Optional(
      Type.Object(
        {
          operation: Type.Optional(Type.Enum([...operations])),
          payment_product_type: Type.Optional(Type.String({ maxLength: limits.reference_length_max })),
          card: Type.Optional(
            Type.String({ maxLength: 32, description: 'A card number; also fits later operations on its payments.' }),
          ),
          amount: Type.Optional(Type.Integer()),
          merchant_reference: Type.Optional(
            Type.String({ maxLength: limits.reference_length_max, description: '`*` fits any text.' }),
          ),
          nth: Type.Optional(Type.Integer({ minimum: 1, description: 'Only the nth call that fits the rest of this rule.' })),
        },
        closed,
      ),
    ),
    do: FaultName,
    result_code: Type.Optional(
      TextLike('^[0-9A-Z]{2}$', 'two digits or capital letters', { description: 'For `decline`. Default 05.' }),
    ),
    after_s: Type.Optional(
      Type.Integer({ minimum: 0, maximum: limits.session_lifetime_max_s, description: 'Default: the script’s.' }),
    ),
    slow_ms: Type.Optional(Type.Integer({ minimum: 0, maximum: 60_000, description: 'For `slow`. Default 1000.' })),
  },
  closed,
)
export type Rule = Static<typeof Rule>

/** The body of `PUT /v1/simulator/script`. Ours alone, so closed: a misspelt member is refused. */
export const Script = Type.Object(
  {
    seed: Type.Optional(Type.String({ minLength: 1, maxLength: 64, description: 'Chosen for you when absent.' })),
    rules: Type.Optional(Type.Array(Rule, { maxItems: 100 })),
    fault_rate: Type.Optional(
      Type.Number({ minimum: 0, maximum: 1, description: 'Of the calls no rule fits, how many get a fault.' }),
    ),
    faults: Type.Optional(Type.Array(FaultName, { maxItems: 50, description: 'What `fault_rate` draws from.' })),
    after_s: Type.Optional(Type.Integer({ minimum: 0, maximum: limits.session_lifetime_max_s, description: 'Default 0.' })),
  },
  closed,
)
export type Script = Static<typeof Script>

/** What of a call the rules look at. */
export type Subject = {
  operation: Kind
  payment_product_type: string
  amount: number
  merchant_reference: string
  masked_pan?: string | null
}

/** The rules that fit this call apart from `nth`, in order; their counters grow by one. */
export function fittingRules(script: Script, subject: Subject): number[] {
  return (script.rules ?? []).flatMap(({ when = {} }, index) => {
    const fits =
      (when.operation === undefined || when.operation === subject.operation) &&
      (when.payment_product_type === undefined || when.payment_product_type === subject.payment_product_type) &&
      (when.amount === undefined || when.amount === subject.amount) &&
      (when.card === undefined || mask(when.card) === subject.masked_pan) &&
      (when.merchant_reference === undefined || glob(when.merchant_reference, subject.merchant_reference))
    return fits ? [index] : []
  })
}

/**
 * The fault for this call, if any: the first fitting rule whose turn it is, else a draw. The draw depends on nothing but the
 * seed and the call (its operation, reference, amount and how many went before it), so that the same story ends the same way.
 * `counters` are those after this call was counted.
 */
export function chooseFault(
  script: Script,
  subject: Subject,
  { fitting, counters, earlier }: { fitting: number[]; counters: Record<string, number>; earlier: number },
): Rule | undefined {
  for (const index of fitting) {
    const rule = script.rules![index]!
    if (rule.when?.nth === undefined || rule.when.nth === counters[index]) return { after_s: script.after_s ?? 0, ...rule }
  }
  const rate = script.fault_rate ?? 0
  if (rate === 0) return undefined
  const { operation, merchant_reference, amount } = subject
  const digest = createHash('sha256')
    .update(JSON.stringify([script.seed, operation, merchant_reference, amount, earlier]))
    .digest()
  if (digest.readUInt32BE(0) / 2 ** 32 >= rate) return undefined
  const choice = script.faults?.length ? script.faults : defaultFaults
  return { do: choice[digest.readUInt32BE(4) % choice.length]!, after_s: script.after_s ?? 0 }
}

const defaultFaults: Fault[] = ['decline', 'timeout_before', 'timeout_after', 'duplicate', 'late', 'pending']

/** `400000******0002`: all that is kept of a card number. What is masked already stays. */
export function mask(number: string): string {
  if (number.includes('*')) return number
  const digits = number.replace(/\D/g, '')
  return digits.length < 12 ? digits : `${digits.slice(0, 6)}${'*'.repeat(digits.length - 10)}${digits.slice(-4)}`
}

/** `*` stands for any text. Walked by hand: a pattern from outside must not be able to take exponential time. */
function glob(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return pattern === text
  const [first, last] = [parts[0]!, parts[parts.length - 1]!]
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return at <= text.length - last.length
}
