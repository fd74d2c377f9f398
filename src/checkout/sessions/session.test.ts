import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import { expiry } from './create.ts'
import { amountRefusal, type StoredOption, sumOfLines } from './order.ts'
import {
  causeOf,
  isUnmodified,
  mayCancel,
  mayLock,
  mayPay,
  mayUpdate,
  returnUrl,
  type SessionData,
  type SessionRow,
  switchesToMerchant,
} from './session.ts'
import { answeredData, isChanged, updatedData, withOption } from './update/update.ts'

const now = new Date('2026-11-23T10:00:00.000Z')
const card = { payment_product_type: 'dintero_psp.creditcard', currencies: 'any' } as unknown as PaymentProduct
const order = { amount: 100, currency: 'NOK', merchant_reference: 'R 1', items: [{ line_id: '1', amount: 100 }] }
const data: SessionData = {
  url: { return_url: 'https://shop.example/done' },
  order,
  configuration: { dintero_psp: { creditcard: { enabled: true } } },
}
const open: SessionRow = {
  account_id: 'T12345678',
  id: 'T12345678.a',
  version: 3,
  event_count: 1,
  hash: new Uint8Array(),
  profile_id: null,
  payment_operation: 'unscheduled_purchase',
  data,
  operation_id: null,
  transaction_id: null,
  outcome: null,
  pay_lock_id: null,
  pay_lock_expires_at: null,
  customer_ip: null,
  user_agent: null,
  expires_at: new Date(now.getTime() + 1000),
  created_at: now,
  created_by: null,
  updated_at: now,
  cancelled_at: null,
  cancelled_by: null,
}
const locked = { pay_lock_id: 'l', pay_lock_expires_at: new Date(now.getTime() + 1) }
const lock_over = { pay_lock_id: 'l', pay_lock_expires_at: now }
const option: StoredOption = { id: 'post', line_id: 'post', amount: 50 }
const express = (express: SessionData['express'], more: object = {}): Partial<SessionRow> => ({
  data: { ...data, order: { ...order, ...more }, express: express! },
})
const shipping_address = { country: 'NO', postal_code: '0155' }
const empty_address = { country: 'NO', first_name: '', postal_code: ' ', latitude: 0 }

// session | cause | may it be paid | updated without lock | updated with lock only | locked | cancelled
type Row = [
  name: string,
  session: Partial<SessionRow>,
  cause: string,
  pay: string,
  update: string,
  strict: string,
  lock: string,
  cancel: string,
]
const rows: Row[] = [
  ['open', {}, '-', 'yes', 'yes', 'session_not_locked', 'yes', 'cancel'],
  ['locked', locked, '-', 'session_locked', 'yes', 'yes', 'yes', 'cancel'],
  ['lock ran out', lock_over, '-', 'yes', 'yes', 'session_not_locked', 'yes', 'cancel'],
  [
    'expired',
    { expires_at: now },
    'EXPIRED',
    'session_finished',
    'session_finished',
    'session_finished',
    'session_lock_refused',
    'cancel',
  ],
  [
    'being paid',
    { operation_id: 'o' },
    'PAYMENT_INITIATED',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_lock_refused',
    'void',
  ],
  [
    'being paid, expired',
    { operation_id: 'o', expires_at: now },
    'PAYMENT_INITIATED',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_lock_refused',
    'void',
  ],
  [
    'paid',
    { outcome: 'AUTHORIZED', transaction_id: 't' },
    'AUTHORIZED',
    'session_finished',
    'session_finished',
    'session_finished',
    'session_lock_refused',
    'void',
  ],
  [
    'held',
    { outcome: 'ON_HOLD', transaction_id: 't' },
    'ON_HOLD',
    'session_finished',
    'session_finished',
    'session_finished',
    'session_lock_refused',
    'void',
  ],
  [
    'declined',
    { outcome: 'DECLINED' },
    'DECLINED',
    'session_finished',
    'session_finished',
    'session_finished',
    'session_lock_refused',
    'session_finished',
  ],
  [
    'unknown',
    { outcome: 'UNKNOWN', transaction_id: 't', operation_id: 'o' },
    'PAYMENT_INITIATED',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_payment_in_progress',
    'session_lock_refused',
    'void',
  ],
  [
    'cancelled',
    { outcome: 'CANCELLED' },
    'CANCELLED',
    'session_finished',
    'session_finished',
    'session_finished',
    'session_lock_refused',
    'done',
  ],
  ['express, no address', express({}), '-', 'session_incomplete', 'yes', 'session_not_locked', 'yes', 'cancel'],
  [
    'express, an address that says nothing',
    express({}, { shipping_address: empty_address }),
    '-',
    'session_incomplete',
    'yes',
    'session_not_locked',
    'yes',
    'cancel',
  ],
  [
    'express, no option',
    express({ shipping_options: [option] }, { shipping_address }),
    '-',
    'session_incomplete',
    'yes',
    'session_not_locked',
    'yes',
    'cancel',
  ],
  [
    'express, nothing shipped',
    express({ shipping_options: [option], shipping_mode: 'shipping_not_required' }, { shipping_address }),
    '-',
    'yes',
    'yes',
    'session_not_locked',
    'yes',
    'cancel',
  ],
  [
    'express, filled in',
    express({ shipping_options: [option] }, { shipping_address, shipping_option: option }),
    '-',
    'yes',
    'yes',
    'session_not_locked',
    'yes',
    'cancel',
  ],
  [
    'nothing to pay',
    express(undefined, { amount: 0 }),
    '-',
    'payment_product_not_payable',
    'yes',
    'session_not_locked',
    'yes',
    'cancel',
  ],
]
for (const [name, change, cause, pay, update, strict, lock, cancel] of rows) {
  test(`session rules: ${name}`, () => {
    const session = { ...open, ...change }
    const said = (refusal: { code: string } | undefined) => refusal?.code ?? 'yes'
    assert.equal(causeOf(session, now) ?? '-', cause)
    assert.equal(said(mayPay(session, { payment_product_type: 'dintero_psp.creditcard', products: [card], now })), pay)
    assert.equal(said(mayUpdate(session, { update_without_lock: true, now })), update)
    assert.equal(said(mayUpdate(session, { update_without_lock: false, now })), strict)
    assert.equal(said(mayLock(session, now)), lock)
    const verdict = mayCancel(session)
    assert.equal('refusal' in verdict ? verdict.refusal.code : verdict.step, cancel)
  })
}
test('expiry: a day when nothing is said, 30 days at most', () => {
  assert.deepEqual(expiry(undefined, now), { expires_at: new Date('2026-11-24T10:00:00.000Z') })
  assert.deepEqual(expiry('2026-12-23T10:00:00Z', now), { expires_at: new Date('2026-12-23T10:00:00.000Z') })
  assert.ok('refusal' in expiry('2026-12-23T10:00:00.001Z', now))
  assert.ok('refusal' in expiry('2026-11-23T10:00:00Z', now))
})

// return_url | result | where the customer goes
const returns: [url: string, result: Parameters<typeof returnUrl>[1], expected: string][] = [
  [
    'https://shop.example/done',
    { transaction_id: 'T1.t' },
    'https://shop.example/done?transaction_id=T1.t&merchant_reference=R+1',
  ],
  [
    'https://shop.example/done?gateway=dintero',
    { error: 'failed' },
    'https://shop.example/done?gateway=dintero&error=failed&merchant_reference=R+1',
  ],
  ['myapp://?a=1&', {}, 'myapp://?a=1&merchant_reference=R+1'],
  ['https://shop.example/#/done', { error: 'cancelled' }, 'https://shop.example/?error=cancelled&merchant_reference=R+1#/done'],
  [
    'https://sklep.example/płatność?a=ł#ż',
    {},
    'https://sklep.example/p%C5%82atno%C5%9B%C4%87?a=%C5%82&merchant_reference=R+1#%C5%BC',
  ],
  ['https://øl.example/ \r\nx: y', {}, 'https://xn--l-4ga.example/%20x:%20y?merchant_reference=R+1'],
  ['myapp://tilbake/🪑', {}, 'myapp://tilbake/%F0%9F%AA%91?merchant_reference=R+1'],
  ['myapp://a b/ø', {}, 'myapp://a%20b/%C3%B8?merchant_reference=R+1'],
]
for (const [return_url, result, expected] of returns) {
  test(`return url: ${return_url}`, () =>
    assert.equal(returnUrl({ id: 'x', data: { ...data, url: { return_url } } }, result), expected))
}
test('return url: names the session in an app, and there is none without a return_url', () => {
  const in_app = { id: 'T1.s', data: { ...data, configuration: { channel: 'in_app' } } }
  assert.match(returnUrl(in_app, {})!, /session_id=T1\.s/)
  assert.equal(returnUrl({ id: 'x', data: { ...data, url: {} } }, {}), undefined)
})

const merchantFirst = 'myapp://?initial_recipient=merchant'
for (const [return_url, channel, type, expected] of [
  [merchantFirst, 'in_app', 'vipps', true],
  [`${merchantFirst}&a=1#b?c`, 'in_app', 'bambora.vipps', true],
  ['https://shop.example/app?a=1&initial_recipient=merchant', 'in_app', 'swish.swish', true],
  [merchantFirst, 'in_app', 'payex.vipps', false],
  [merchantFirst, 'in_app', 'payex.swish', false],
  [merchantFirst, 'in_app', 'bambora.mobilepay', false],
  [merchantFirst, 'in_app', 'dintero_psp.creditcard', false],
  [merchantFirst, 'ecommerce', 'vipps', false],
  [merchantFirst, undefined, 'vipps', false],
  ['myapp://?initial_recipient=us', 'in_app', 'vipps', false],
  ['myapp://#?initial_recipient=merchant', 'in_app', 'vipps', false],
  [undefined, 'in_app', 'vipps', false],
] as const) {
  test(`way back: from ${type} ${expected ? 'straight to' : 'not straight to'} ${return_url}, ${channel}`, () => {
    const url = return_url === undefined ? {} : { return_url }
    assert.equal(switchesToMerchant({ ...data, url, configuration: channel ? { channel } : {} }, type), expected)
  })
}
test('way back: the app is told where to ask', () => {
  const { searchParams } = new URL(
    returnUrl({ id: 'x', data: { ...data, url: { return_url: merchantFirst } } }, { payment_return_url: 'https://k/?a=1&b' })!,
  )
  assert.equal(searchParams.get('payment_return_url'), 'https://k/?a=1&b')
})

test('unmodified: the time, the version or nothing; not another time', () => {
  for (const header of [undefined, '', now.toISOString(), '3']) assert.equal(isUnmodified(open, header), true)
  for (const header of ['2026-11-23T10:00:00.001Z', '2', 'x']) assert.equal(isUnmodified(open, header), false)
})

const amount = fc.integer({ min: 0, max: 1_000_000 })
const options = fc.uniqueArray(fc.record({ id: fc.constant('o'), line_id: fc.constantFrom('a', 'b', 'c'), amount }), {
  selector: ({ line_id }) => line_id,
})
const start = fc.record({ items: fc.array(fc.record({ line_id: fc.string(), amount }), { maxLength: 4 }), offered: options }).map(
  ({ items, offered }): SessionData => ({
    ...data,
    order: { ...order, items, amount: sumOfLines({ items }) },
    express: { shipping_options: offered },
  }),
)
test('express: whatever is chosen and answered, the amount stays the lines added up', () => {
  const choose = fc.constantFrom('a', 'b', 'c', 'd').map((line_id) => (before: SessionData) => {
    const chosen = withOption(before, line_id)
    return 'data' in chosen ? chosen.data : before
  })
  const answer = fc
    .record({
      shipping_options: fc.option(options, { nil: undefined }),
      order: fc.option(fc.record({ amount, items: fc.array(fc.record({ amount }), { maxLength: 3 }) }), { nil: undefined }),
    })
    .map(
      ({ shipping_options, order }) =>
        (before: SessionData) =>
          answeredData(before, { ...(shipping_options ? { shipping_options } : {}), ...(order ? { order } : {}) }),
    )
  fc.assert(
    fc.property(start, fc.array(fc.oneof(choose, answer), { maxLength: 8 }), (first, steps) => {
      const last = steps.reduce((before, step) => step(before), first)
      assert.equal(amountRefusal(last.order), undefined)
    }),
  )
})

test('update: of what is shown, posted back, nothing changes', () => {
  fc.assert(
    fc.property(start, (before) => {
      const copy = JSON.parse(JSON.stringify(before)) as SessionData
      const next = updatedData(before, { order: copy.order, express: copy.express as never })
      assert.equal(isChanged(before, next), false)
    }),
  )
})
