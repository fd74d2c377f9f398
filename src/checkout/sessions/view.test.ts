import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now, sessionRow } from '../../../test/rows.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import { limits } from '../../lib/limits.ts'
import { featureToggles, systemHeaders } from '../headers.ts'
import type { StoredOption } from './order.ts'
import {
  cancelledNotifications,
  type Express,
  isUnmodified,
  mayCancel,
  mayChange,
  mayLock,
  mayPay,
  mayUpdate,
  nextUpdate,
  type Outcome,
  payableOrder,
  returnUrl,
  type SessionData,
  type SessionEvent,
  type SessionRow,
  sessionEvent,
  sessionView,
} from './session.ts'

const card = { payment_product_type: 'dintero_psp.creditcard', currencies: 'any' } as unknown as PaymentProduct
const order = { amount: 100, currency: 'NOK', merchant_reference: 'R' }
const configuration = { dintero_psp: { creditcard: { enabled: true } } }
const session = (data: Partial<SessionData>, changes: Partial<SessionRow> = {}) =>
  sessionRow({ data: { url: {}, order, configuration, ...data }, ...changes })
const locked = { pay_lock_id: 'l', pay_lock_expires_at: later(1) }

test('session event: as it is stored; what is absent is left out', () => {
  const from = { id: 'i', request_id: 'r', at: now }
  const event = { id: 'i', name: 'VISITED', created_at: now.toISOString(), request_id: 'r' }
  assert.deepEqual(sessionEvent('VISITED', from), event)
  const request_headers = { h: '1' }
  assert.deepEqual(sessionEvent('VISITED', { ...from, request_headers }, { a: 1 }), {
    ...event,
    request_headers,
    details: { a: 1 },
  })
})

const over = (why: string, code = 'session_finished') => ({
  code,
  message: `Session T12345678.s can't be changed or paid: ${why}.`,
})
const ends: [outcome: Outcome | undefined, refusal: { code: string; message: string }][] = [
  [undefined, over('it has expired')],
  ['PAYMENT_INITIATED', over('a payment is under way', 'session_payment_in_progress')],
  ['UNKNOWN', over('a payment is under way', 'session_payment_in_progress')],
  ['AUTHORIZED', over('it is paid')],
  ['ON_HOLD', over('its payment is being reviewed')],
  ['DECLINED', over('its payment was declined')],
  ['FAILED', over('its payment failed')],
  ['CANCELLED', over('it is cancelled')],
]
for (const [outcome, refusal] of ends) {
  test(`session: ${outcome ?? 'EXPIRED'} says why it is over`, () => {
    const ended = session({}, outcome ? { outcome } : { expires_at: now })
    assert.deepEqual(mayChange(ended, now), refusal)
    assert.deepEqual(mayUpdate(ended, { update_without_lock: true, now }), refusal)
    assert.deepEqual(mayPay(ended, { payment_product_type: 'x', products: [], now }), refusal)
    const why = refusal.message.replace(/^.*: /, '')
    assert.deepEqual(mayLock(ended, now), { code: 'session_lock_refused', message: `The session can't be locked: ${why}` })
    const cancels = mayCancel(ended)
    if ('refusal' in cancels) {
      assert.deepEqual(cancels.refusal, { code: 'session_finished', message: `Session T12345678.s can't be cancelled: ${why}` })
    }
  })
}
const steps: [Partial<SessionRow>, step: string][] = [
  [{}, 'cancel'],
  [{ outcome: 'PAYMENT_INITIATED' }, 'cancel'],
  [{ outcome: 'UNKNOWN' }, 'void'],
  [{ transaction_id: 't' }, 'void'],
  [{ operation_id: 'o' }, 'void'],
  [{ outcome: 'CANCELLED', transaction_id: 't' }, 'done'],
  [{ outcome: 'AUTHORIZED' }, 'refused'],
]
for (const [changes, step] of steps) {
  test(`session: cancel when ${JSON.stringify(changes)}: ${step}`, () => {
    const cancels = mayCancel(session({}, changes))
    assert.equal('step' in cancels ? cancels.step : 'refused', step)
  })
}

const busy = { code: 'session_locked', message: 'The shop is changing the order. Try again when it is done.' }
test('session: the lock of the merchant keeps the customer out, while it lasts', () => {
  assert.equal(mayChange(session({}), now), undefined)
  assert.deepEqual(mayChange(session({}, locked), now), busy)
  assert.equal(mayChange(session({}, { ...locked, pay_lock_expires_at: null }), now), undefined)
  assert.equal(mayChange(session({}, { ...locked, pay_lock_id: null }), now), undefined)
  assert.deepEqual(mayPay(session({}, locked), { payment_product_type: 'dintero_psp.creditcard', products: [card], now }), busy)
  assert.deepEqual(mayUpdate(session({}), { update_without_lock: false, now }), {
    ...{ code: 'session_not_locked', path: '?update_without_lock' },
    message: 'The session is not locked. Lock it in the page first, or send update_without_lock=true.',
  })
})
test('session: with very many or large events it can not be locked any more, and of large ones not updated', () => {
  const full = 'The session has too many events, or too large ones; start a new one.'
  const update = { update_without_lock: true, now }
  const many = session({}, { event_count: 1_000 })
  const of = (characters: number) => {
    const details = { text: 'x'.repeat(characters) }
    return { ...session({}), events: [{ id: '1', name: 'UPDATE_SESSION', created_at: '', request_id: '', details } as const] }
  }
  assert.equal(mayLock(session({}, { event_count: 999 }), now), undefined)
  assert.deepEqual(mayLock(many, now), { code: 'session_lock_refused', message: full })
  assert.equal(mayUpdate(many, update), undefined)
  assert.equal(mayLock(of(limits.events_size_max / 2 - 200), now), undefined)
  assert.deepEqual(mayLock(of(limits.events_size_max / 2), now), { code: 'session_lock_refused', message: full })
  assert.equal(mayUpdate(of(limits.events_size_max / 2), update), undefined)
  assert.deepEqual(mayUpdate(of(limits.events_size_max), update), { code: 'session_finished', message: full })
})

const option: StoredOption = { id: 'o', line_id: 'o', amount: 1 }
const address = { shipping_address: { country: 'NO', postal_code: '0155' } }
const no_address = { path: '/order/shipping_address', message: 'The shipping address must be set before paying.' }
const no_option = { path: '/order/shipping_option', message: 'A shipping option must be chosen before paying.' }
const expresses: [Express, order: object, missing: object | undefined][] = [
  [{}, {}, no_address],
  [{}, address, undefined],
  [{ shipping_options: [] }, address, undefined],
  [{ shipping_options: [option] }, address, no_option],
  [{ shipping_options: [option] }, { ...address, shipping_option: option }, undefined],
  [{ shipping_address_callback_url: 'https://c' }, address, no_option],
  [{ shipping_address_callback_url: 'https://c', shipping_mode: 'shipping_not_required' }, address, undefined],
  [{ shipping_options: [option], shipping_mode: 'shipping_required' }, address, no_option],
]
for (const [express, more, missing] of expresses) {
  test(`session: express ${JSON.stringify(express)} with ${Object.keys(more)}: ${missing ? 'incomplete' : 'may be paid'}`, () => {
    const asked = { payment_product_type: 'dintero_psp.creditcard', products: [card], now }
    const refusal = missing && { code: 'session_incomplete', ...missing }
    assert.deepEqual(mayPay(session({ express, order: { ...order, ...more } }), asked), refusal)
  })
}

const not_payable = (type: string, why: string, allowed: string[]) => ({
  ...{ code: 'payment_product_not_payable', path: '/payment_product_type', allowed },
  message: `${type} can't pay this session (${why}); ${allowed.join(', ') || 'nothing'} can.`,
})
const vipps = { payment_product_type: 'vipps', currencies: 'any' } as unknown as PaymentProduct
const pays: [type: string, Partial<SessionRow>, data: Partial<SessionData>, refusal: object | undefined][] = [
  ['dintero_psp.creditcard', {}, {}, undefined],
  ['vipps', {}, {}, not_payable('vipps', 'not enabled', ['dintero_psp.creditcard'])],
  ['swish.swish', {}, {}, not_payable('swish.swish', 'disabled_by_gateway', ['dintero_psp.creditcard'])],
  [
    'x',
    {},
    { configuration: { ...configuration, vipps: { enabled: true } } },
    not_payable('x', 'disabled_by_gateway', ['dintero_psp.creditcard', 'vipps']),
  ],
  ['vipps', {}, { configuration: {} }, not_payable('vipps', 'not enabled', [])],
  [
    'dintero_psp.creditcard',
    {},
    { order: { ...order, amount: 0 } },
    not_payable('dintero_psp.creditcard', 'disabled_by_order_amount', []),
  ],
  ['dintero_psp.creditcard', { payment_operation: 'generate_payment_token' }, { order: { ...order, amount: 0 } }, undefined],
]
for (const [payment_product_type, changes, data, refusal] of pays) {
  test(`session: pay with ${payment_product_type}, ${JSON.stringify({ ...changes, ...data })}: ${refusal ? 'no' : 'yes'}`, () => {
    assert.deepEqual(mayPay(session(data, changes), { payment_product_type, products: [card, vipps], now }), refusal)
  })
}
test('session: a token costs nothing', () => {
  assert.deepEqual(payableOrder(session({})), order)
  assert.deepEqual(payableOrder(session({}, { payment_operation: 'generate_payment_token' })), { ...order, token_only: true })
})

test('session: every change of content moves its time', () => {
  assert.deepEqual(nextUpdate(session({}), now), now)
  assert.deepEqual(nextUpdate(session({}, { updated_at: now }), now), later(1))
  assert.deepEqual(nextUpdate(session({}, { updated_at: later(5) }), now), later(6))
  assert.equal(isUnmodified(session({}, { updated_at: now }), now.toUTCString()), true)
})

test('headers: those of systems are kept, and not too long', () => {
  const kept = ['dintero-system-name', 'dintero-system-version', 'dintero-system-plugin-name', 'dintero-system-plugin-version']
  const all = Object.fromEntries([...kept, 'dintero-checkout-instance-id', 'user-agent'].map((name) => [name, `a ${name}`]))
  assert.deepEqual(systemHeaders({ ...all, 'x-user-agent': 'no', 'user-agent-x': 'no', cookie: 'no' }), all)
  assert.deepEqual(systemHeaders({ 'user-agent': 'x'.repeat(2_000) }), { 'user-agent': 'x'.repeat(1_000) })
  assert.equal(systemHeaders({ 'user-agent': ['x'], cookie: 'no', 'dintero-system-name': '' }), undefined)
})
test('feature toggles: names, in whatever case', () => {
  assert.deepEqual(featureToggles(' A ,b'), new Set(['a', 'b']))
  assert.deepEqual(featureToggles(['a', 'B,c']), new Set(['a', 'b', 'c']))
  assert.equal(featureToggles(undefined).has('undefined'), false)
  assert.deepEqual(featureToggles(7), new Set(['']))
})

const reference = 'merchant_reference=R'
const returns: [return_url: string, expected: string][] = [
  ['https://r', `https://r?${reference}`],
  ['https://r?', `https://r?${reference}`],
  ['https://r?a', `https://r?a&${reference}`],
  ['https://r?a&', `https://r?a&${reference}`],
  ['https://r?a&b', `https://r?a&b&${reference}`],
  ['https://r#a#b', `https://r?${reference}#a#b`],
  ['https://r#', `https://r?${reference}#`],
  ['https://r#a\nb', `https://r/?${reference}#ab`],
]
for (const [return_url, expected] of returns) {
  test(`return url: ${JSON.stringify(return_url)}`, () => {
    assert.equal(returnUrl(session({ url: { return_url } }), { transaction_id: null }), expected)
  })
}

const urls: [callback_url: string | undefined, called: boolean][] = [
  [undefined, false],
  ['https://c', false],
  ['https://c?report_error=true', true],
  ['https://c?a=1&report_error=true#x', true],
  ['https://c?a=1#x&report_error=true', false],
  ['https://c?report_error=1', false],
]
for (const [callback_url, called] of urls) {
  test(`cancelled: what ${callback_url} is told`, () => {
    const told = { aggregate_type: 'session', aggregate_id: 'T12345678.s', sequence: 2 }
    const about = { session_id: 'T12345678.s', merchant_reference: 'R', error: 'cancelled' }
    const callback = { ...about, url: callback_url, time: before.toISOString(), reason: 'error' }
    assert.deepEqual(cancelledNotifications(session({ url: callback_url ? { callback_url } : {} })), [
      { event: 'checkout_authorization', ...told, details: about },
      ...(called ? [{ event: 'session_callback', ...told, details: callback }] : []),
    ])
  })
}

const payable = { dintero_psp: { type: 'payment_type', creditcard: { enabled: true, payability: 'payable' } } }
const shown = {
  ...{ id: 'T12345678.s', account_id: 'T12345678', url: {}, order, payment_operation: 'unscheduled_purchase' },
  configuration: { ...payable, merchant: { id: 'T12345678' } },
  ...{ expires_at: later(1_000).toISOString(), created_at: before.toISOString(), updated_at: before.toISOString() },
}
test('session: shown with no more than it has', () => {
  assert.deepEqual(sessionView(session({}), { products: [card], now }), shown)
})
test('session: shown with everything, but no secret', () => {
  const tokens = {
    card: { payment_token: 'secret', payment_token_id: 'pid' },
    other: { payment_token: 'secret' },
    word: 'secret',
  }
  const merchant = { name: 'n', country: 'NO', logo_url: 'https://l', secret: 's' }
  const full = session(
    { customer: { email: 'e', tokens }, merchant, metadata: { a: 1 } },
    {
      ...{ ...locked, profile_id: 'p', transaction_id: 't', customer_ip: '::1', user_agent: 'x' },
      ...{ cancelled_by: 'me', cancelled_at: now },
    },
  )
  const first: SessionEvent = { id: 'a', name: 'INITIATED', created_at: 't', request_id: 'r', request_headers: { h: '1' } }
  const { request_headers: _, ...bare } = first
  const second: SessionEvent = { ...bare, id: 'b', name: 'VISITED' }
  const all = {
    ...{ ...shown, merchant, metadata: { a: 1 }, profile_id: 'p', transaction_id: 't', customer_ip: '::1', user_agent: 'x' },
    ...{ cancelled_by: 'me', cancelled_at: now.toISOString(), pay_lock: { pay_lock_id: 'l' } },
    customer: { email: 'e', tokens: { card: { payment_token_id: 'pid' }, other: {}, word: {} } },
    configuration: { ...payable, merchant: { id: 'T12345678', name: 'n', country: 'NO', logo_url: 'https://l' } },
  }
  const view = (includes?: string[]) =>
    sessionView(full, { products: [card], now, events: [first, second], ...(includes ? { includes } : {}) })
  assert.deepEqual(view(), { ...all, events: [bare, second] })
  assert.deepEqual(view(['events.request_headers']), { ...all, events: [first, second] })
  assert.deepEqual(view(['initiating_system_request_headers']), {
    ...{ ...all, events: [bare, second], initiating_system_request_headers: { h: '1' } },
  })
  const untold = sessionView(session({ customer: { tokens: 'x' } }), {
    products: [],
    now,
    includes: ['initiating_system_request_headers'],
  })
  assert.deepEqual(untold.customer, { tokens: 'x' })
  assert.equal('initiating_system_request_headers' in untold, false)
  const silent = { products: [card], now, events: [], includes: ['initiating_system_request_headers'] }
  assert.deepEqual(sessionView(session({}), silent).events, [])
})
