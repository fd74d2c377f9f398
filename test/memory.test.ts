import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { findSession, sessionForm } from '../src/checkout/sessions/store.ts'
import { findTransaction, transactionForm } from '../src/checkout/transactions/store.ts'
import type { Form, Memory } from '../src/lib/memory.ts'
import { draftForm, findDraft } from '../src/orders/drafts/store.ts'
import { findOrder, orderForm } from '../src/orders/orders/store.ts'
import { createTestAccount, type TestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

/* What a process remembers, also as text, is what the database would have given. */

let server: TestServer
let shop: TestAccount
before(async () => {
  server = await startServer({ work: false })
  shop = await createTestAccount(server)
})
after(() => server.close())

const now = () => new Date().toISOString()
const call = async (method: string, path: string, body: unknown = {}) => {
  const answer = await shop.call(method, path, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

/** Takes what is remembered, through its text and back, compares it with what is stored, and puts it back for the next step. */
async function assertRemembered<T extends { hash: Uint8Array }>(
  memory: Memory<T>,
  form: Form<T>,
  id: string,
  stored: T | undefined,
  comparable: (value: T) => unknown,
): Promise<void> {
  const kept = memory.take(shop.account_id, id)
  assert.ok(kept, `${id} is not remembered`)
  assert.ok(stored)
  const again = form.unpack(JSON.parse(JSON.stringify(form.pack(kept))) as never)
  assert.deepEqual(comparable(again), comparable(stored))
  assert.deepEqual(comparable(again), comparable(kept))
  memory.keep(shop.account_id, id, again, 1)
}

/** Members that are only asked for at times are left out, and those that are absent or `undefined` are the same. */
const plain = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>
const hashOf = ({ hash }: { hash: Uint8Array }) => Buffer.from(hash).toString('hex')

const remembered = {
  draft: async (id: string) =>
    assertRemembered(server.memory.drafts, draftForm, id, await findDraft(server.sql, { ...shop, id, now: now() }), (found) => [
      plain(found.draft),
      plain(found.events),
      hashOf(found),
    ]),
  order: async (name: string) =>
    assertRemembered(
      server.memory.orders,
      orderForm,
      name,
      await findOrder(server.sql, { ...shop, name, now: now() }),
      (found) => [
        plain({ ...found.order, sums: [...found.order.sums], authorizations: [...found.order.authorizations] }),
        found.events.map(({ request, ...event }) => plain(event)),
        found.expires_at,
        hashOf(found),
      ],
    ),
  session: async (id: string) => {
    const stored = await findSession(server.sql, shop.account_id, id)
    const names = Object.keys(stored!)
    const comparable = (row: object) => names.map((name) => [name, (row as Record<string, unknown>)[name]])
    await assertRemembered(server.memory.sessions, sessionForm, id, stored, (row) => [
      comparable({ ...row, hash: 0 }),
      hashOf(row),
    ])
  },
  transaction: async (id: string) => {
    const stored = await findTransaction(server.sql, shop.account_id, id)
    const names = Object.keys(stored!).filter((name) => name !== 'hash' && name !== 'events')
    const comparable = (row: object) => names.map((name) => [name, (row as Record<string, unknown>)[name]])
    await assertRemembered(server.memory.transactions, transactionForm, id, stored, (row) => [
      comparable(row),
      row.events.map((event) => ({ ...event, created_at: new Date(event.created_at) })).map(present),
      hashOf(row),
    ])
  },
}
const present = (value: object) =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null && member !== undefined))

test('memory: what is remembered of a walk is what is stored, at each step', async () => {
  const shopping = `/v1/accounts/${shop.account_id}/shopping`
  const items = [
    {
      id: 'a',
      line_id: 1,
      quantity: 2,
      gross_amount: 20_000,
      tax_lines: [{ amount: 4_000, percentage: 25 }],
      description: 'Blåbær 🫐',
    },
    { id: 'b', line_id: 2, quantity: 1, gross_amount: 19_800, tax_lines: [], metadata: { nothing: null, deep: [{ a: 1.5 }] } },
  ]
  const options = {
    generate_order_id: 'ALPHANUMERIC_9_RESERVE',
    draft_expires_at: new Date(Date.now() + 3_600_000).toISOString(),
  }
  const draft = await call('POST', `${shopping}/draft_orders`, { options, order: { currency: 'NOK', items } })
  await remembered.draft(draft.id)
  await call('PUT', `${shopping}/draft_orders/${draft.id}`, {
    order: { currency: 'NOK', items: [{ ...items[0], quantity: 3 }, items[1]] },
  })
  await remembered.draft(draft.id)
  const { orders } = await call('PUT', `${shopping}/draft_orders/${draft.id}/complete`)
  const { order_id } = orders[0]
  await remembered.order(order_id)

  const session = await call('POST', '/v1/sessions-profile', {
    url: { return_url: 'https://shop.example/return' },
    profile_id: 'default',
    order: {
      amount: 39_800,
      currency: 'NOK',
      merchant_reference: order_id,
      items: [{ id: 'a', line_id: '1', quantity: 1, amount: 39_800 }],
    },
  })
  await remembered.session(session.id)
  const paid = await call('POST', `/v1/sessions/${session.id}/pay`, {
    payment_product_type: 'dintero_psp.creditcard',
    card: { number: '4000000000000002', expiry: '12/39', cvc: '123' },
  })
  const transaction = new URL(paid.redirect_url).searchParams.get('transaction_id')!
  await remembered.transaction(transaction)
  const record = (kind: string, amount: number, line_id: number) =>
    call('POST', `${shopping}/orders/${order_id}/${kind}`, {
      items: [{ line_id, amount }],
      payment_details: { payment_id: transaction },
    })
  await record('authorizations', 20_000, 1)
  await remembered.order(order_id)
  for (const [move, kind] of [
    ['capture', 'captures'],
    ['refund', 'refunds'],
  ]) {
    await call('POST', `/v1/transactions/${transaction}/${move}`, { amount: 5_000, items: [{ line_id: '1', amount: 5_000 }] })
    await remembered.transaction(transaction)
    await record(kind!, 5_000, 1)
    await remembered.order(order_id)
  }
})
