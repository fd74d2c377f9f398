import assert from 'node:assert/strict'
import { test } from 'node:test'
import { orderLine as line, orderOf, recorded } from '../../../test/rows.ts'
import type { Part } from '../../lib/statement.ts'
import { pageOf, pageSize, parseCursor, startOf, windowOf } from '../shared/page.ts'
import { csvHeader, csvLine, listFilter, sourceOf } from './list.ts'

const row = (second: number) => ({
  created_at: `2026-01-02T03:04:0${second}.678Z`,
  id: '0b1f7a52-6a0f-4c7e-9d52-f0f7c3a1b2c4',
  x: second,
})
const key = ({ created_at, id }: ReturnType<typeof row>) => ({ created_at, id })

test('page: of one row more than a page there is a next one, which starts after the last', () => {
  const rows = [row(1), row(2), row(3)]
  assert.deepEqual(pageOf(rows, 3, key), { rows })
  assert.deepEqual(pageOf([], 3, key), { rows: [] })
  const { rows: first, starting_after } = pageOf(rows, 2, key)
  assert.deepEqual(first, rows.slice(0, 2))
  assert.deepEqual(parseCursor(starting_after), key(row(2)))
  assert.equal(parseCursor(undefined), undefined)
})
test('page: ten rows, or as asked for, a hundred at most', () => {
  assert.deepEqual([undefined, 1, 100, 101].map(pageSize), [10, 1, 100, 100])
})
const cursor = (text: string) => Buffer.from(text).toString('base64url')
const foreign: string[] = [
  '',
  'x',
  cursor('2026-01-02T03:04:05.678Z'),
  cursor(`x${row(1).created_at} ${row(1).id}`),
  cursor(`${row(1).created_at} ${row(1).id}x`),
  cursor(`2026-13-02T03:04:05.678Z ${row(1).id}`),
  cursor(`1969-12-31T23:59:59.999Z ${row(1).id}`),
  cursor(`${row(1).created_at} ------------------------------------`),
  cursor(`${row(1).created_at} 0b1f7a526a0f-4c7e-9d52-f0f7c3a1b2c4-`),
]
for (const text of foreign) {
  test(`page: ${JSON.stringify(text)} is no cursor`, () => {
    const refusal = {
      code: 'invalid_request',
      path: '?starting_after',
      message: 'Pass starting_after as the page before returned it.',
    }
    assert.deepEqual(parseCursor(text), { refusal })
  })
}
test('page: a cursor from the first moment on', () => {
  const first = { created_at: '1970-01-01T00:00:00.000Z', id: row(1).id }
  assert.deepEqual(parseCursor(cursor(`${first.created_at} ${first.id}`)), first)
})
test('page: starts at the cursor or at the end that was asked for, whichever is earlier', () => {
  const after = { created_at: '2026-01-02T03:04:05.678Z', id: row(1).id }
  const highest = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
  const starts: [created_at: string | undefined, id: string, ...Parameters<typeof startOf>][] = [
    [undefined, highest, undefined, undefined],
    [after.created_at, after.id, after, undefined],
    ['2026-01-01T00:00:00.000Z', highest, undefined, '2026-01-01T00:00:00.000Z'],
    ['2026-01-02T03:04:05.677Z', highest, after, '2026-01-02T03:04:05.677Z'],
    [after.created_at, after.id, after, after.created_at],
    [after.created_at, after.id, after, '2026-01-02T03:04:05.679Z'],
  ]
  for (const [created_at, id, ...asked] of starts) {
    const { strings, args } = startOf(...asked) as unknown as Part
    assert.deepEqual([strings.join('$'), args], ["(coalesce($::timestamptz, 'infinity'), $::uuid)", [created_at ?? null, id]])
  }
})

test('window: both ends, as times that a database can hold', () => {
  assert.deepEqual(windowOf({}), { from: undefined, until: undefined, refusals: [] })
  assert.deepEqual(windowOf({ 'created_at.gte': '0001-01-01T00:00:00Z', 'created_at.lte': '2026-01-01T01:00:00+01:00' }), {
    ...{ from: '1970-01-01T00:00:00.000Z', until: '2026-01-01T00:00:00.000Z', refusals: [] },
  })
  assert.equal(windowOf({ 'created_at.lte': '9999-12-31T23:59:59-12:00' }).until, '9999-12-31T23:59:59.999Z')
  const text = '2016-12-31T23:59:60Z'
  const refusal = (path: string) => ({ code: 'invalid_request', path, message: `${text} is no time.` })
  assert.deepEqual(windowOf({ 'created_at.gte': text, 'created_at.lte': text }), {
    ...{ from: undefined, until: undefined, refusals: [refusal('?created_at.gte'), refusal('?created_at.lte')] },
  })
})

const none = {
  ...{
    status: undefined,
    payment_status: undefined,
    currency: undefined,
    order_id: undefined,
    store_id: undefined,
    customer_id: undefined,
  },
  ...{ created_at_gte: undefined, created_at_lte: undefined, search: {} },
}
test('list of orders: the query as conditions', () => {
  assert.deepEqual(listFilter({}), { filter: none, after: undefined, size: 10, kinds: undefined, refusals: [] })
  const { starting_after } = pageOf([row(1), row(2)], 1, key)
  const query = {
    ...{
      status: ['open' as const],
      payment_status: ['paid,refunded', 'pending'],
      currency: 'NOK',
      order_id: 'O',
      store_id: 's',
      customer_id: 'c',
      limit: 5,
    },
    ...{ 'created_at.gte': '2026-01-01T00:00:00Z', itinerary_travel_mode: 'car', itinerary_arrival_address: 'a' },
    ...{ itinerary_departure_address: 'd', items_discount_lines_discount_type: 'manual', external_id: 'x' },
    ...{ merchant_reference: 'R', include_events: ['api-event'], ...(starting_after ? { starting_after } : {}) },
  }
  assert.deepEqual(listFilter(query), {
    filter: {
      ...{ ...none, status: ['open'], currency: 'NOK', order_id: 'O', store_id: 's', customer_id: 'c' },
      payment_status: ['paid', 'refunded', 'pending'],
      created_at_gte: '2026-01-01T00:00:00.000Z',
      search: {
        ...{ travel_modes: ['car'], arrivals: ['a'], departures: ['d'], discount_types: ['manual'], external_ids: ['x'] },
        merchant_references: ['R'],
      },
    },
    ...{ after: key(row(1)), size: 5, kinds: { api: true, service: false }, refusals: [] },
  })
  assert.equal(listFilter({ customer_id: 'c', 'customer.id': 'd' }).filter.customer_id, 'd')
  assert.deepEqual(listFilter({ include_events: ['true'], view: 'store' }).kinds, { api: false, service: true })
  const { after, refusals } = listFilter({ starting_after: 'x', 'created_at.lte': 'x' })
  assert.equal(after, undefined)
  assert.deepEqual(
    refusals.map(({ path }) => path),
    ['?starting_after', '?created_at.lte'],
  )
})
test('list of orders: of a store or a customer', () => {
  assert.deepEqual(sourceOf({}), {})
  assert.deepEqual(sourceOf({ store_id: 's', customer_id: 'c' }), { store_id: 's' })
  assert.deepEqual(sourceOf({ customer_id: 'c' }), { customer_id: 'c' })
  assert.deepEqual(sourceOf({ customer_id: 'c', 'customer.id': 'd' }), { customer_id: 'd' })
})

test('export of orders: one line each', () => {
  const names = 'id,order_id,version,created_at,updated_at,status,payment_status,currency,gross_amount,net_amount,total_discount'
  assert.equal(csvHeader, `${names},authorized,cancelled,captured,refunded,customer_id\r\n`)
  const lines = [line(1, -100)]
  const at = '2026-01-01T00:00:0'
  assert.equal(csvLine(orderOf(lines)), `u,O,1,${at}1.000Z,${at}1.000Z,open,pending,NOK,-100,-100,0,0,0,0,0,\r\n`)
  const full = orderOf(lines, [recorded('authorization', { 1: -40 })], { content: { customer: { id: 'c' } } })
  assert.equal(csvLine(full), `u,O,2,${at}1.000Z,${at}2.000Z,open,pending,NOK,-100,-100,0,-40,0,0,0,c\r\n`)
})
const cells: [text: string, cell: string][] = [
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['a\nb', '"a\nb"'],
  ['a\rb', '"a\rb"'],
  ['say "a" "b"', '"say ""a"" ""b"""'],
  ...['=1', '+1', '-1', '@a', '\ta', '＝1'].map((text): [string, string] => [text, `'${text}`]),
  ['\ra', '"\'\ra"'],
  ['\n=1', '"\'\n=1"'],
  ['1=1', '1=1'],
]
for (const [text, cell] of cells) {
  test(`export of orders: ${JSON.stringify(text)}`, () => {
    const csv = csvLine(orderOf([], [], { content: { customer: { id: text } } }))
    assert.ok(csv.endsWith(`,0,0,0,0,${cell}\r\n`), csv)
  })
}
