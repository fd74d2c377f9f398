import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { limits } from '../src/lib/limits.ts'
import { authorized, call, has, openSession, startTransactions, type TransactionsServer } from './payments.ts'

let server: TransactionsServer
const ids: string[] = []
let paid = ''
before(async () => {
  server = await startTransactions()
  for (let count = 0; count < 5; count += 1) {
    server.pass(60)
    ids.unshift(await authorized(server, { amount: 1_000 * (count + 1), merchant_reference: `R-${count % 2}` }))
  }
  server.pass(86_400)
  const sid = await openSession(server, {
    order: {
      amount: 500,
      currency: 'SEK',
      merchant_reference: 'S-1',
      store: { id: 'store-1', terminal_id: 'T12233302-T0001' },
      items: [{ line_id: '1', amount: 500, splits: [{ payout_destination_id: 'seller-1', amount: 500 }] }],
      billing_address: { first_name: 'Kari', last_name: 'Nordmann', email: 'Kari@example.com', phone_number: '+4799999999' },
    },
    customer: { customer_id: 'cust-1' },
  })
  server.gateway.script = [
    {
      outcome: 'succeeded',
      gateway_reference: 'r',
      card: { brand: 'Visa' },
      payment_token: 'secret-token',
      metadata: { payout_correlation_id: 'pc-1' },
    },
  ]
  await call(server, 'POST', `/v1/sessions/${sid}/pay`, { payment_product_type: 'vipps' })
  paid = ((await list('')) as { id: string }[])[0]!.id
  await call(server, 'POST', `/v1/transactions/${paid}/capture`, {})
})
after(() => server.close())

async function list(query: string): Promise<{ id: string }[]> {
  const { status, body } = await call(server, 'GET', `/v1/transactions?${query}`)
  assert.equal(status, 200, JSON.stringify(body))
  return body as unknown as { id: string }[]
}

test('list: large ones come whole, and the page as long as it was asked for', async () => {
  const lists = ['', 'limit=3', 'merchant_reference=R-0', 'status=AUTHORIZED', 'currency=NOK', 'includes=events.success.true']
  const whole = await Promise.all(lists.map(list))
  const sized = (size: number) => server.sql`update checkout.transactions set events_size = ${size} where id <> ${paid}`
  await sized(limits.page_events_size_max)
  assert.deepEqual(await Promise.all(lists.map(list)), whole)
  await sized(0)
})

test('list: a bare array, newest first, page after page', async () => {
  const all = await list('')
  assert.deepEqual(
    all.map(({ id }) => id),
    [paid, ...ids],
  )
  const seen: string[] = []
  let after = ''
  for (;;) {
    const page = await list(`limit=2${after && `&starting_after=${after}`}`)
    if (page.length === 0) break
    seen.push(...page.map(({ id }) => id))
    after = seen.at(-1)!
  }
  assert.deepEqual(seen, [paid, ...ids])
})

const filters: [query: string, expected: () => string[]][] = [
  ['status=CAPTURED', () => [paid]],
  ['status=CAPTURED&status=AUTHORIZED', () => [paid, ...ids]],
  ['status=CAPTURED,AUTHORIZED&limit=3', () => [paid, ...ids.slice(0, 2)]],
  ['merchant_reference=R-1', () => [ids[1]!, ids[3]!]],
  ['merchant_reference=R-1&limit=1&starting_after=ID1', () => [ids[3]!]],
  ['id=ID0&id=ID2', () => [ids[0]!, ids[2]!]],
  ['currency=SEK', () => [paid]],
  ['payment_product=vipps', () => [paid]],
  ['payment_product_type=dintero_psp.creditcard&limit=1', () => [ids[0]!]],
  ['card_brand=visa', () => [paid]],
  ['store_id=store-1', () => [paid]],
  ['terminal_id=T12233302-T0001', () => [paid]],
  ['customer_id=cust-1', () => [paid]],
  ['payout_destination_id=seller-1', () => [paid]],
  ['payout_correlation_id=pc-1,pc-2', () => [paid]],
  ['channel=in_store', () => []],
  ['payment_operation=unscheduled_purchase&limit=1', () => [paid]],
  ['amount=500', () => [paid]],
  ['amount.gte=3000&amount.lte=4000', () => [ids[1]!, ids[2]!]],
  ['created_at.gte=2026-11-24', () => [paid]],
  ['created_at.lte=2026-11-23', () => ids],
  ['created_at.lte=2026-11-23T10:02:00', () => [ids[3]!, ids[4]!]],
  ['captured_at.gte=2026-11-24T00:00:00Z', () => [paid]],
  ['refunded_at.gte=2020-01-01', () => []],
  ['search=S-1', () => [paid]],
  ['search=kari%20nordmann', () => [paid]],
  ['search=KARI@example.com', () => [paid]],
  ['search=%2B4799999999', () => [paid]],
  ['search=ID3', () => []],
]
for (const [query, expected] of filters) {
  test(`list: ${query}`, async () => {
    const filled = query.replace(/ID(\d)/g, (_, index) => ids[Number(index)]!)
    assert.deepEqual(
      (await list(filled)).map(({ id }) => id),
      expected(),
    )
  })
}

test('list: 400 when a date or a number can not be read', async () => {
  for (const query of ['created_at.gte=tomorrow', 'amount=much', 'limit=0', 'limit=101']) {
    assert.equal((await call(server, 'GET', `/v1/transactions?${query}`)).status, 400, query)
  }
})

test('get: includes adds tokens, the session, its latest event, and drops what failed', async () => {
  const path = `/v1/transactions/${paid}`
  const plain = (await call(server, 'GET', path)).body
  assert.equal((plain.card as object as { payment_token?: string }).payment_token, undefined)
  assert.equal(plain.session, undefined)
  const card = (await call(server, 'GET', `${path}?includes=card.payment_token`)).body.card as Record<string, string>
  assert.equal(card.payment_token, 'secret-token')
  assert.match(card.payment_token_id!, /^[0-9a-f]{40}$/)
  assert.deepEqual(
    (await list(`search=${card.payment_token_id}`)).map(({ id }) => id),
    [paid],
  )
  const latest = (await call(server, 'GET', `${path}?includes=session.events.latest,events.success.true`)).body
  assert.deepEqual(
    (latest.session as { events: { name: string }[] }).events.map(({ name }) => name),
    ['COMPLETED'],
  )
})

test('put: merchant_reference_2 can be set, set again, and found', async () => {
  const path = `/v1/transactions/${ids[0]}`
  has((await call(server, 'PUT', path, { merchant_reference_2: 'SECOND' })).body, { merchant_reference_2: 'SECOND', version: 2 })
  has((await call(server, 'PUT', path, { merchant_reference_2: 'third' })).body, { merchant_reference_2: 'third' })
  has((await call(server, 'PUT', path, {})).body, { merchant_reference_2: 'third' })
  assert.deepEqual(
    (await list('merchant_reference_2=third')).map(({ id }) => id),
    [ids[0]],
  )
  assert.deepEqual(
    (await list('search=THIRD')).map(({ id }) => id),
    [ids[0]],
  )
  // What it said before finds it no more, and saying it again adds nothing; the first reference always does.
  assert.deepEqual(await list('search=second'), [])
  const [{ merchant_reference, terms }] = await server.sql<[{ merchant_reference: string; terms: number }]>`
    select merchant_reference, cardinality(search_terms) as terms from checkout.transactions where id = ${ids[0]!}`
  for (const said of ['third', merchant_reference, 'fourth', 'third'])
    has((await call(server, 'PUT', path, { merchant_reference_2: said })).body, { merchant_reference_2: said })
  const [{ after }] = await server.sql<
    [{ after: number }]
  >`select cardinality(search_terms) as after from checkout.transactions where id = ${ids[0]!}`
  assert.equal(after, terms)
  assert.ok((await list(`search=${encodeURIComponent(merchant_reference)}`)).some(({ id }) => id === ids[0]))
  assert.equal((await call(server, 'PUT', '/v1/transactions/T12345678.nope', { merchant_reference_2: 'x' })).status, 404)
  assert.equal((await call(server, 'PUT', path, { merchant_reference_2: 5 })).status, 400)
})
