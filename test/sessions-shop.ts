import { createMemories } from '../src/app.ts'
import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { createGateways } from '../src/gateways/registry.ts'
import type { Clock } from '../src/lib/ids.ts'
import { type Answer, createTestAccount, send } from './client.ts'
import { startServer, type TestServer } from './server.ts'

/** The session that the published walk creates. */
export const walk = {
  url: { return_url: 'https://example.com/accept', callback_url: 'https://example.com/callback' },
  order: {
    amount: 39800,
    currency: 'NOK',
    merchant_reference: 'order_id',
    items: [
      {
        id: '175938',
        line_id: '1',
        description: 'Stablestol for utendørsbruk',
        quantity: 2,
        amount: 39800,
        vat_amount: 7960,
        vat: 25,
      },
    ],
  },
  profile_id: 'default',
}
export const withOrder = (order: object) => ({ ...walk, order: { ...walk.order, ...order } })

export const post = { id: 'post', line_id: 'post', amount: 3900, title: 'Posten', operator: 'Posten' }
export const pickUp = { id: 'pick_up', line_id: 'pick_up', amount: 0, title: 'Hent selv', operator: '' }

/** An express session with two ways to ship. */
export const express = { ...walk, express: { shipping_options: [post, pickUp], customer_types: ['b2c'] } }

/** The parts as the server has them. */
export function partsOf({ sql, clock, ids, config }: TestServer) {
  return { sql, clock, ids, config, memory: createMemories(sql), gateways: createGateways({ sql, clock, ids, config }) }
}

export type Shop = Awaited<ReturnType<typeof startShop>>

/** A server whose clock a test can move, and a test account with the default profile. */
export async function startShop(options: { scopes?: readonly string[]; work?: boolean } = {}) {
  const time = { ahead_ms: 0 }
  const clock: Clock = { now: () => new Date(Date.now() + time.ahead_ms) }
  const server = await startServer({ work: options.work ?? false, clock, env: { KVITT_TRUSTED_PROXIES: 'loopback' } })
  const account = await createTestAccount(server, options)
  await ensureDefaultProfile(partsOf(server), account.account_id)
  const { call } = account
  return {
    server,
    time,
    account_id: account.account_id,
    token: account.token,
    call,
    /** The customer's side: no credential. */
    view: (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
      send(server.url, method, `/v1/view/${path}`, { body, headers }),
    /** Creates a session and returns its id. */
    async create(body: unknown = walk): Promise<string> {
      const answer = await call('POST', '/v1/sessions-profile', body)
      if (answer.status !== 200) throw new Error(`No session: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body.id
    },
    async read(id: string) {
      return (await call('GET', `/v1/sessions/${id}`)).body
    },
    async names(id: string): Promise<string[]> {
      const { events } = (await call('GET', `/v1/sessions/${id}`)).body
      return events.map(({ name }: { name: string }) => name)
    },
    /** Puts a session into a state that only a payment leads to. */
    async pretend(id: string, state: { outcome?: string; operation_id?: string; transaction_id?: string }): Promise<void> {
      const { outcome = null, operation_id = null, transaction_id = null } = state
      await server.sql`
        update checkout.sessions set outcome = ${outcome}, operation_id = ${operation_id}, transaction_id = ${transaction_id},
          version = version + 1
        where account_id = ${account.account_id} and id = ${id}`
    },
    close: () => server.close(),
  }
}
