import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, later, now } from '../../../test/rows.ts'
import { masked, parseMask } from './mask.ts'
import {
  columnsOf,
  events,
  refuseSubscription,
  type SubscriptionIn,
  type SubscriptionRow,
  showSubscription,
} from './subscription.ts'

const openings = { allow_loopback: false }
const url = 'https://shop.example/hook'
const wanted: SubscriptionIn = { config: { url }, events: ['checkout_transaction'] }

test('subscription: every published event can be subscribed to', () => {
  const published = [
    ...['checkout_authorization', 'checkout_transaction', 'checkout_token_add', 'checkout_token_update', 'checkout_token_delete'],
    ...['shopping_draft_add', 'shopping_draft_update', 'shopping_draft_complete', 'shopping_order_update'],
    ...['shopping_order_event_add', 'shopping_order_delete', 'settlement_add', 'approval_payout_destination_update'],
    ...['approval_payout_destination_delete', 'cdd_case_update', 'account_add', 'account_update', 'account_store_add'],
    ...['account_store_update', 'account_store_delete', 'account_location_add', 'account_location_update'],
    ...['account_location_delete', 'location_add', 'location_update', 'location_delete', 'receipt_add', 'receipt_update'],
    ...['token_add', 'token_remove', 'customer_add', 'customer_update', 'customer_delete', 'customer_change_password'],
    ...['transaction', 'wallet_transaction', 'discount_add', 'discount_update', 'discount_delete', 'discount_add_customers'],
    'discount_customer_update',
  ]
  assert.deepEqual(events, published)
  assert.deepEqual(refuseSubscription({ ...wanted, events: published }, openings), [])
})
test('subscription: all that is wrong with it', () => {
  const refusals = refuseSubscription({ config: { url: 'x' }, events: ['checkout_transaction', 'x'], fields: 'a(' }, openings)
  assert.ok(refusals[0]!.message.length > 10)
  assert.deepEqual(refusals, [
    { code: 'subscription_url_invalid', path: '/config/url', message: refusals[0]!.message },
    { code: 'subscription_event_unknown', path: '/events/1', message: 'There is no event x.', allowed: events },
    { code: 'subscription_field_mask_invalid', path: '/fields', message: 'a( is not a field mask such as a,b/c,d(e,f).' },
  ])
  assert.deepEqual(refuseSubscription({ ...wanted, fields: '' }, openings), [])
  assert.deepEqual(refuseSubscription({ ...wanted, fields: 'a(b)' }, openings), [])
})

const columns = {
  url,
  secret: null,
  insecure_ssl: 0,
  events: ['checkout_transaction'],
  active: null,
  fields: null,
  exclude_fields: null,
}
const kept: [title: string, said: object, config: object, expected: object][] = [
  ['no more than it must', {}, {}, {}],
  ['a secret', {}, { secret: 's' }, { secret: 's' }],
  ['no secret', {}, { secret: '' }, {}],
  ['a secret as an object', {}, { secret: { value: 's' } }, { secret: 's' }],
  ['a secret by its other name', {}, { secret: { secret: 's' } }, { secret: 's' }],
  ['an object without a secret', {}, { secret: {} }, {}],
  ['insecure', {}, { insecure_ssl: true }, { insecure_ssl: 1 }],
  ['secure', {}, { insecure_ssl: 0 }, {}],
  ['an event twice', { events: ['a', 'b', 'a'] }, {}, { events: ['a', 'b'] }],
  ['switched off', { active: false }, {}, { active: false }],
  ['masks', { fields: 'a', exclude_fields: ['b'] }, {}, { fields: 'a', exclude_fields: ['b'] }],
  ['an empty mask', { fields: '' }, {}, {}],
]
for (const [title, said, config, expected] of kept) {
  test(`subscription: what is kept: ${title}`, () => {
    assert.deepEqual(columnsOf({ ...wanted, ...said, config: { url, ...config } }), { ...columns, ...expected })
  })
}

const row: SubscriptionRow = {
  ...{ id: 'i', url, content_type: 'application/json', secret: null, insecure_ssl: 0, events: ['a'], active: true, fields: null },
  ...{ exclude_fields: null, created_at: before, created_by: 'me', updated_at: now, deleted_at: null, deleted_by: null },
  ...{ failures: null, dead: null, down_since: null, probe_at: null, last_failure_at: null, last_error: null },
}
const shown = {
  ...{ id: 'i', config: { url, content_type: 'application/json', insecure_ssl: 0 }, events: ['a'], active: true },
  ...{ created_at: before.toISOString(), created_by: 'me', updated_at: now.toISOString() },
}
const healthy = { state: 'healthy', failures: 0, dead: 0 }
test('subscription: as it is shown', () => {
  assert.deepEqual(showSubscription(row), { ...shown, health: healthy })
  const more = { fields: 'a', exclude_fields: ['b'], deleted_by: 'you' }
  assert.deepEqual(showSubscription({ ...row, ...more, secret: 's', deleted_at: now }), {
    ...{ ...shown, ...more, deleted_at: now.toISOString(), health: healthy },
    config: { ...shown.config, secret: { type: 'HMAC-SHA1' } },
  })
})
const last = { last_failure_at: later(1), last_error: 'reset' }
const told = { last_failure_at: later(1).toISOString(), last_error: 'reset' }
const healths: [Partial<SubscriptionRow>, health: object][] = [
  [{ failures: 0, dead: 0, ...last }, healthy],
  [
    { failures: 2, ...last },
    { ...healthy, state: 'failing', failures: 2, ...told },
  ],
  [{ dead: 1 }, { ...healthy, state: 'failing', dead: 1 }],
  [
    { down_since: before, probe_at: later(2), failures: 5, dead: 1, ...last },
    { state: 'down', failures: 5, dead: 1, down_since: before.toISOString(), next_probe_at: later(2).toISOString(), ...told },
  ],
]
for (const [endpoint, health] of healths) {
  test(`subscription: its endpoint is ${(health as { state: string }).state}: ${Object.keys(endpoint)}`, () => {
    assert.deepEqual(showSubscription({ ...row, ...endpoint }).health, health)
  })
}

test('fields: what follows a list, and where it stops', () => {
  const all = new Map()
  assert.deepEqual(
    parseMask('a( b ) , c'),
    new Map([
      ['a', new Map([['b', all]])],
      ['c', all],
    ]),
  )
  for (const text of ['a(b c', 'a(b) c', 'a(b)c', 'a(b]', 'a/ ', 'a(b', 'a(b,)']) assert.equal(parseMask(text), undefined, text)
})
const body = {
  event: 'e',
  sequence: 1,
  account: { id: 'i', list: [1, { a: 1 }], text: 't', none: null },
  other: { id: 'j' },
  number: 7,
}
const masks: [title: string, fields: string | null, exclude: string[] | null, expected: object][] = [
  ['everything', null, null, body],
  ['all of a member wins, whichever is first', 'account,account/id', null, { event: 'e', sequence: 1, account: body.account }],
  ['two parts of one', 'account/id,account(text)', null, { event: 'e', sequence: 1, account: { id: 'i', text: 't' } }],
  ['one name of the body is enough', 'account/id,nothing', null, { event: 'e', sequence: 1, account: { id: 'i' } }],
  [
    'what is in no object is shown whole',
    'number/a,account/text/b',
    null,
    { event: 'e', sequence: 1, number: 7, account: { text: 't' } },
  ],
  [
    'envelope members do not count as names of the body',
    'event,id',
    null,
    { event: 'e', sequence: 1, account: { id: 'i' }, other: { id: 'j' }, number: 7 },
  ],
  [
    'without a member of every object',
    null,
    ['id'],
    { ...body, account: { list: [1, { a: 1 }], text: 't', none: null }, other: {} },
  ],
  ['without what is deep in a list', null, ['/account/list/a/'], { ...body, account: { ...body.account, list: [1, {}] } }],
  ['without what is in no object', null, ['number/a', 'account/text/b', 'account/none/b', 'account/x/y'], body],
  ['without a whole member', null, ['number', 'other'], { event: 'e', sequence: 1, account: body.account }],
  ['without nothing', null, ['', '/'], body],
  ['without the envelope', null, ['event', 'sequence'], body],
]
for (const [title, fields, exclude_fields, expected] of masks) {
  test(`fields: ${title}`, () => assert.deepEqual(masked(body, { fields, exclude_fields }), expected))
}
