import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { masked, parseMask } from './mask.ts'

const account = { partner_id: 'P1', account_id: 'T1', created_at: 'now', store: { id: 's', bank: { name: 'b', number: '1' } } }
const body = { account_id: 'T1', event: 'e', event_delivery: 'd', sequence: 4, account, items: [{ id: 1, vat: 2 }, { id: 3 }] }
const envelope = { account_id: 'T1', event: 'e', event_delivery: 'd', sequence: 4 }

const cases: [fields: string, rest: object][] = [
  ['account', { account }],
  ['account(partner_id,account_id,created_at)', { account: { partner_id: 'P1', account_id: 'T1', created_at: 'now' } }],
  ['account/store/bank/name', { account: { store: { bank: { name: 'b' } } } }],
  [
    'account(store(id,bank/number)),items/id',
    { account: { store: { id: 's', bank: { number: '1' } } }, items: [{ id: 1 }, { id: 3 }] },
  ],
  ['account/store/id,account/created_at', { account: { store: { id: 's' }, created_at: 'now' } }],
  ['account/store/id,account', { account }],
  [' account ( partner_id , store / id ) ', { account: { partner_id: 'P1', store: { id: 's' } } }],
  ['account/unknown', { account: {} }],
]
for (const [fields, rest] of cases) {
  test(`fields: ${fields}`, () => {
    assert.deepEqual(masked(body, { fields, exclude_fields: null }), { ...envelope, ...rest })
  })
}

test('fields: names of the object itself, when none is a member of the body', () => {
  const { items: _, ...one } = body
  assert.deepEqual(masked(one, { fields: 'partner_id,store/id', exclude_fields: null }), {
    ...envelope,
    account: { partner_id: 'P1', store: { id: 's' } },
  })
})

test('exclude_fields: members of the object, paths, lists; never the envelope', () => {
  const { items: _, ...one } = body
  const out = masked(one, {
    fields: null,
    exclude_fields: ['created_at', 'store/bank', 'account/partner_id', 'event', 'nothing'],
  })
  assert.deepEqual(out, { ...envelope, account: { account_id: 'T1', store: { id: 's' } } })
  assert.deepEqual(masked(body, { fields: null, exclude_fields: ['items/vat'] }).items, [{ id: 1 }, { id: 3 }])
})

for (const text of ['', ',', 'a,', 'a(b', 'a)b', 'a//b', 'a()', '(a)', 'a/']) {
  test(`fields: ${JSON.stringify(text)} is no mask`, () => assert.equal(parseMask(text), undefined))
}

test('fields: any text is either a mask or not, and never breaks', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('a', 'b', ',', '/', '(', ')', ' ') }), (text) => {
      const mask = parseMask(text)
      const out = masked(body, { fields: text, exclude_fields: [text] })
      assert.ok(mask === undefined || mask.size > 0)
      assert.equal(out.event_delivery, 'd')
    }),
  )
})
