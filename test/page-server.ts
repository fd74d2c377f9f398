import { ensureDefaultProfile } from '../src/checkout/profiles/operations.ts'
import { createGateways } from '../src/gateways/registry.ts'
import { createTestAccount } from './client.ts'
import { startServer } from './server.ts'

/** The order of the published walk, with two lines and a shipping cost. */
export const order = {
  amount: 44700,
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
  shipping_option: { id: 'home', line_id: 'home', title: 'Hjemlevering', amount: 4900, operator: '' },
}

/** A server with a test account that can pay with everything, and the merchant's side of it. */
export async function startCheckout(options: Parameters<typeof startServer>[0] = {}) {
  const server = await startServer(options)
  const account = await createTestAccount(server)
  const { sql, clock, ids, config } = server
  await ensureDefaultProfile({ sql, clock, ids, gateways: createGateways({ sql, clock, ids, config }) }, account.account_id)
  return {
    ...server,
    account,
    /** A new session; `body` is laid over the usual one. Returns its id and address. */
    async createSession(
      body: { url?: object; order?: object; [member: string]: unknown } = {},
    ): Promise<{ id: string; url: string }> {
      const whole = {
        profile_id: 'default',
        ...body,
        url: { return_url: 'https://shop.example/accept', ...body.url },
        order: { ...order, ...body.order },
      }
      const created = await account.call('POST', '/v1/sessions-profile', whole)
      if (created.status !== 200) throw new Error(`No session: ${JSON.stringify(created.body)}`)
      return created.body
    },
    async readSession(id: string) {
      return (await account.call('GET', `/v1/sessions/${id}`)).body
    },
    async readTransaction(id: string) {
      return (await account.call('GET', `/v1/transactions/${id}`)).body
    },
  }
}

export type Checkout = Awaited<ReturnType<typeof startCheckout>>
