import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AuthorizeCall, Gateway } from '../src/gateways/gateway.ts'
import { createScript, createSimulator } from '../src/gateways/simulator/operations.ts'
import { systemIds } from '../src/lib/ids.ts'
import { cloneDatabase } from './database.ts'

export const account_id = 'T00000001'

/** The simulator alone, with a database and a clock of its own; no HTTP, no checkout. */
export async function startSimulator() {
  const database = await cloneDatabase()
  const time = { now: new Date('2026-03-04T12:00:00Z') }
  const clock = { now: () => time.now }
  const parts = { sql: database.sql, clock, ids: systemIds(clock), config: { public_url: 'http://localhost' } }
  const gateway: Gateway = createSimulator(parts)

  /** An authorization that is not asked for yet. */
  function authorization(payment_product_type: string, changes: Partial<AuthorizeCall> = {}): AuthorizeCall {
    const product = gateway.products.find((candidate) => candidate.payment_product_type === payment_product_type)
    const currencies = product?.currencies ?? 'any'
    return {
      account_id,
      idempotency_key: randomUUID(),
      transaction_id: `${account_id}.${randomUUID()}`,
      session_id: `${account_id}.session`,
      merchant_reference: 'order-1',
      payment_product_type,
      amount: payment_product_type === 'dintero.zero' ? 0 : 60_000,
      currency: currencies === 'any' ? 'NOK' : currencies[0]!,
      operation: 'purchase',
      payment: { simulate: 'approve' },
      return_url: 'http://localhost/return',
      ...changes,
    }
  }
  const next = ({ payment: _, ...call }: AuthorizeCall, amount: number) => ({ ...call, amount, idempotency_key: randomUUID() })

  return {
    ...parts,
    gateway,
    authorization,
    /** A follow-up to an authorization, with a key of its own. */
    next,
    card: (number: string, changes: Record<string, unknown> = {}) => ({
      card: { number, expiry: '12/39', cvc: '123', ...changes },
    }),
    script: (script: Parameters<typeof createScript>[2]) => createScript(parts, account_id, script),
    wait: (seconds: number) => {
      time.now = new Date(time.now.getTime() + seconds * 1000)
    },
    async paid(payment_product_type: string, changes: Partial<AuthorizeCall> = {}) {
      const call = authorization(payment_product_type, changes)
      const answer = await gateway.authorize(call)
      assert.equal(answer.outcome, 'succeeded', JSON.stringify(answer))
      return call
    },
    async totals(transaction_id: string) {
      const [row] = await database.sql`
        select authorized, captured, refunded, voided from simulator.payments
        where account_id = ${account_id} and transaction_id = ${transaction_id}`
      return { ...row }
    },
    close: () => database.drop(),
  }
}
