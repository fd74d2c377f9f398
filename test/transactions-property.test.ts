import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { OperationOutcome } from '../src/gateways/gateway.ts'
import { resolveOperations } from '../src/worker/resolve-operations.ts'
import { authorized, call, startTransactions, type TransactionsServer } from './payments.ts'

let server: TransactionsServer
before(async () => {
  server = await startTransactions()
})
after(() => server.close())

/** What the provider makes of a call: does it, refuses it, and answers, or not, or dies before or after doing it. */
const fate = fc.constantFrom('does it', 'refuses', 'does it silently', 'never gets it', 'breaks after doing it', 'later')
const request = fc.record({
  kind: fc.constantFrom('capture', 'capture', 'refund', 'void'),
  amount: fc.integer({ min: 1, max: 60 }),
  fates: fc.array(fate, { minLength: 1, maxLength: 3 }),
})

/** A provider with books: what it did for each key, once. Its fates are drawn beforehand, call by call. */
function provider(fates: string[]) {
  const book = new Map<string, { method: string; amount: number; did: boolean }>()
  const handle =
    (method: string) =>
    async (input: object): Promise<OperationOutcome> => {
      const { idempotency_key: key, amount } = input as { idempotency_key: string; amount: number }
      const known = book.get(key)
      const does = fates.shift() ?? 'does it'
      if (!known && does === 'never gets it') throw new Error('connection refused')
      if (!known) book.set(key, { method, amount, did: does !== 'refuses' })
      if (does === 'does it silently') return { outcome: 'unknown' }
      if (does === 'breaks after doing it') throw new Error('connection reset')
      if (does === 'later') return { outcome: 'pending' }
      return book.get(key)!.did
        ? { outcome: 'succeeded', gateway_reference: key }
        : { outcome: 'failed', error: { message: 'no' } }
    }
  const sum = (method: string) =>
    [...book.values()].reduce((total, entry) => total + (entry.method === method && entry.did ? entry.amount : 0), 0)
  return { handle, sum }
}

test('transactions: whatever the provider answers, our totals end as its books, and every operation is settled once', async () => {
  const work = resolveOperations(server)
  const run = () => work.run(new AbortController().signal)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { maxLength: 4 }), async (rounds) => {
      const id = await authorized(server, { amount: 100 })
      const fates = rounds.flat().flatMap(({ fates }) => fates)
      const { handle, sum } = provider([...fates])
      Object.assign(server.gateway, { capture: handle('capture'), refund: handle('refund'), void: handle('void') })
      for (const round of rounds) {
        const answers = await Promise.all(
          round.map(({ kind, amount }) =>
            call(server, 'POST', `/v1/transactions/${id}/${kind}`, kind === 'void' ? undefined : { amount }),
          ),
        )
        for (const { status } of answers) assert.ok([200, 202, 400, 409].includes(status), String(status))
        server.pass(1)
        await run()
      }
      // The provider is asked again at most every hour, and each time it is asked uses up one of its fates; then it answers.
      for (let hours = fates.length + 12; hours > 0; hours -= 1) {
        server.pass(3_600)
        await Promise.all([run(), run()])
      }
      const [row] = await server.sql<Record<string, number>[]>`
        select captured, refunded, voided, pending_capture + pending_refund + pending_void as pending,
          (select count(*)::int from checkout.operations o where o.transaction_id = t.id and o.next_attempt_at is not null) as open
        from checkout.transactions t where id = ${id}`
      assert.deepEqual(
        { ...row },
        { captured: sum('capture'), refunded: sum('refund'), voided: sum('void'), pending: 0, open: 0 },
      )
      const { body } = await call(server, 'GET', `/v1/transactions/${id}`)
      const total = (name: string) =>
        body.events.reduce((all, { event, success, amount }) => all + (event === name && success ? (amount as number) : 0), 0)
      assert.deepEqual([total('CAPTURE'), total('REFUND'), total('VOID')], [row!.captured, row!.refunded, row!.voided])
      assert.deepEqual(
        body.events.map((event) => event.id),
        body.events.map((_, index) => String(index + 1)),
      )
    }),
    { numRuns: 25 },
  )
})

test('transactions: every event is hashed over the one before, and the transaction keeps the last hash', async () => {
  const [broken] = await server.sql<{ n: number }[]>`
    with chained as (
      select e.hash, sha256(coalesce(lag(e.hash) over (partition by e.transaction_id order by e.sequence), ''::bytea)
        || convert_to(jsonb_build_array(e.sequence, e.event, e.transaction_status, e.success, e.amount, e.request_id,
          e.correlation_request_id, e.operation_id, e.data, e.created_at, e.created_by)::text, 'UTF8')) as expected
      from checkout.transaction_events e where e.sequence > 0)
    select count(*)::int as n from chained where hash <> expected and hash <> ''::bytea`
  assert.equal(broken!.n, 0)
  const [last] = await server.sql<{ n: number }[]>`
    select count(*)::int as n from checkout.transactions t
    join checkout.transaction_events e on e.account_id = t.account_id and e.transaction_id = t.id and e.sequence = t.event_count
    where t.hash <> e.hash`
  assert.equal(last!.n, 0)
})
