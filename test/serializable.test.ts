import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

// Set before the first database is made; the suite itself runs at what the server pins.
process.env.PG_TEST_ISOLATION = 'serializable'
const { inTransaction } = await import('../src/lib/db.ts')
const { createTestAccount } = await import('./client.ts')
const { differences } = await import('./crash.ts')
const { startServer } = await import('./server.ts')

let server: Awaited<ReturnType<typeof startServer>>
let account: Awaited<ReturnType<typeof createTestAccount>>
before(async () => {
  server = await startServer({ work: false })
  account = await createTestAccount(server)
})
after(() => server.close())

const many = <T>(count: number, work: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)))

test('serializable: a statement or a transaction that PostgreSQL took back is done again, and counts once', async () => {
  const { sql } = server
  assert.equal((await sql`show transaction_isolation`)[0]!.transaction_isolation, 'serializable')
  await sql`create table public.counter (n int not null)`
  await sql`insert into public.counter values (0)`
  await many(30, () => sql`update public.counter set n = n + 1`)
  assert.equal((await sql`select n from public.counter`)[0]!.n, 30)
  await many(20, () =>
    inTransaction(sql, async (tx) => {
      const [row] = await tx`select n from public.counter`
      await tx`update public.counter set n = ${row!.n + 1}`
    }),
  )
  assert.equal((await sql`select n from public.counter`)[0]!.n, 50)
})

test('serializable: racing requests with keys all take effect once; each key replays its answer', async () => {
  const shopping = `/v1/accounts/${account.account_id}/shopping`
  const items = [{ id: 'a', line_id: 1, gross_amount: 1_000, tax_lines: [] }]
  const { body: order } = await account.call('POST', `${shopping}/orders`, { order: { currency: 'NOK', items } })
  const capture = (index: number) =>
    account.call(
      'POST',
      `${shopping}/orders/${order.order_id}/authorizations`,
      { items: [{ line_id: 1, amount: 10 }] },
      {
        'idempotency-key': `capture-${index}`,
      },
    )
  const comment = (index: number, query = '') =>
    account.call(
      'POST',
      `${shopping}/orders/${order.order_id}/comments${query}`,
      { comment: `${index}` },
      { 'idempotency-key': `comment-${index}` },
    )
  const answers = await many(24, (index) => (index === 0 ? capture(index) : comment(index)))
  assert.deepEqual(
    answers.map(({ status, body }) => (status === 200 ? 200 : body)),
    Array(24).fill(200),
  )
  const dry = await many(8, (index) => comment(100 + index, '?dry_run=true'))
  assert.ok(dry.every(({ status, headers }) => status === 200 && headers.get('dry-run') === 'true'))
  const again = await many(23, (index) => comment(index + 1))
  for (const [index, answer] of again.entries()) {
    assert.equal(answer.headers.get('idempotent-replayed'), 'true')
    assert.deepEqual(answer.body, answers[index + 1]!.body)
  }
  const { body } = await account.call('GET', `${shopping}/orders/${order.order_id}`)
  assert.equal(body.comments.length, 23)
  assert.equal(body.version, 25)
  assert.deepEqual(await differences(server.sql), [])
})

/** The files whose requests race; each must pass as it does at READ COMMITTED. */
const racing = ['orders-races', 'transactions-move', 'idempotency', 'pay-session', 'sessions-cancel', 'settlements-worker']

test('serializable: the races end as they do at READ COMMITTED', async () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const files = racing.map((name) => `test/${name}.test.ts`)
  const args = ['--import', 'tsx', '--test', '--test-concurrency=1', '--test-reporter=spec', ...files]
  const cwd = new URL('..', import.meta.url)
  await promisify(execFile)(process.execPath, args, { cwd, env, maxBuffer: 2 ** 26 }).catch(({ stdout }) =>
    assert.fail(stdout.slice(-8_000)),
  )
})
