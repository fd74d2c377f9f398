import { settle } from '../src/worker/settle.ts'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { startServer } from './server.ts'

const scopes = ['admin:checkout', 'admin:hooks', 'admin:settlements', 'admin:reports']

/** A server with the simulator, whose clock only the test moves, and a shop that trades on it. Settles when the test says so. */
export async function startSettling(at: string, account_id = 'T00000042') {
  const time = { now: new Date(at) }
  const server = await startServer({ work: false, clock: { now: () => new Date(time.now) } })
  const shop = await createTestAccount(server, { account_id, scopes })
  const signal = new AbortController().signal
  return {
    ...server,
    shop,
    /** Moves the clock, forwards only. */
    to(moment: string) {
      time.now = new Date(moment)
    },
    settle: () => settle(server).run(signal),
    pay: (sale: Sale, by: TestAccount = shop) => pay(server.url, by, sale),
    /** Captures or refunds, and looks after refunds that the provider makes later. */
    async move(id: string, kind: 'capture' | 'refund', amount: number, body: object = {}, by: TestAccount = shop) {
      const answer = await by.call('POST', `/v1/transactions/${id}/${kind}`, { amount, ...body })
      if (answer.status !== 200) throw new Error(`${kind}: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
    transaction: async (id: string, by: TestAccount = shop) => (await by.call('GET', `/v1/transactions/${id}`)).body,
    settlements: async (query = '', by: TestAccount = shop) =>
      (await by.call('GET', `/v1/accounts/${by.account_id}/settlements${query}`)).body,
  }
}

export type SettlingServer = Awaited<ReturnType<typeof startSettling>>
export type Sale = { type?: string; currency?: string; amount: number; reference?: string }

/** A customer pays; returns the transaction's id. */
async function pay(url: string, shop: TestAccount, sale: Sale): Promise<string> {
  const { type = 'dintero_psp.creditcard', currency = 'NOK', amount, reference = 'ORD' } = sale
  const session = await shop.call('POST', '/v1/sessions-profile', {
    url: { return_url: 'https://shop.example/done' },
    order: { amount, currency, merchant_reference: reference, items: [{ id: '1', line_id: '1', quantity: 1, amount }] },
    profile_id: 'default',
  })
  const body = { payment_product_type: type, simulate: 'approve' }
  const paid = await send(url, 'POST', `/v1/sessions/${session.body.id}/pay`, { body })
  const { body: list } = await shop.call('GET', `/v1/transactions?session_id=${session.body.id}`)
  if (!list[0]) throw new Error(`not paid: ${JSON.stringify(session.body)} ${JSON.stringify(paid.body)}`)
  return list[0].id
}
