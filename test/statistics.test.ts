import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { analyzeGrownTables } from '../src/lib/statistics.ts'
import { cloneDatabase, type TestDatabase } from './database.ts'

let database: TestDatabase
before(async () => {
  database = await cloneDatabase()
})
after(() => database.drop())

/** The plan that a connection keeps for a lookup by primary key. */
const keptPlan = () =>
  database.sql.begin(async (tx) => {
    await tx`set local plan_cache_mode = force_generic_plan`
    await tx.unsafe('prepare lookup (text, text) as select from checkout.transactions where account_id = $1 and id = $2')
    const plan = await tx.unsafe(`explain execute lookup ('T1', '1')`)
    await tx.unsafe('deallocate lookup')
    return plan.map((row) => row['QUERY PLAN']).join('\n')
  })

async function insertTransactions(from: number, to: number): Promise<void> {
  const reserved = await database.sql.reserve()
  await reserved`
    insert into checkout.transactions (account_id, id, session_id, event_count, hash, status, gateway, payment_product_type,
      payment_operation, currency, amount, merchant_reference, data, created_at, updated_at)
    select 'T11112222', 'T11112222.' || n, 'T11112222.s' || n, 1, '', 'AUTHORIZED', 'simulator', 'dintero_psp.creditcard',
      'unscheduled_purchase', 'NOK', 100, 'r' || n, '{}', now(), now()
    from generate_series(${from}::int, ${to}::int) n`
  await reserved`select pg_stat_force_next_flush()`
  reserved.release()
}

test('statistics: gathered when a table has grown, and a lookup by primary key then uses the primary key in a kept plan', async () => {
  const { sql } = database
  assert.equal(await analyzeGrownTables(sql), 0, 'nothing has rows yet')
  await insertTransactions(1, 40)
  assert.equal(await analyzeGrownTables(sql), 1)
  assert.equal(await analyzeGrownTables(sql), 0, 'nothing has changed since')
  await insertTransactions(41, 100)
  assert.equal(await analyzeGrownTables(sql), 0, 'not fivefold yet')
  await insertTransactions(101, 1000)
  assert.equal(await analyzeGrownTables(sql), 1)
  assert.match(await keptPlan(), /using transactions_pkey/)
})
