import { createTestAccount, send, testScopes } from '../client.ts'
import { type Receiver, startReceiver } from '../receiver.ts'
import { startShop, walk } from '../sessions-shop.ts'

/** One request; the operation's own method is used. Without `account` it is the shop's, on public endpoints nobody's. */
export type Asked = {
  path: string
  body?: unknown
  headers?: Record<string, string>
  account?: { token: string }
  /** The simulator does not answer this kind of call, or does what `do` says. */
  fault?: string
  do?: string
}
/** How an operation comes to answer with a status. `code` is ours, of `errors[0].code`; a success has none. */
export type Row = [operation: string, status: number, code: string, provoke: (world: World) => Promise<Asked> | Asked]

export type World = Awaited<ReturnType<typeof openWorld>>

export const card = 'dintero_psp.creditcard'
/** The id of nothing on the shop's account. */
export const nothing = ({ account_id }: Pick<World, 'account_id'>) => `${account_id}.nothing`
/** An update of a session that changes little. */
export const putOrder = { order: { merchant_reference_2: 'x' } }

const enabled = { type: 'payment_product_type', enabled: true }
/** A configuration with this product only. */
export function only(type: string): Record<string, unknown> {
  const [group, name] = type.split('.') as [string, string?]
  return { [group]: name === undefined ? enabled : { type: 'payment_type', [name]: enabled } }
}

/** One server, a shop that can do everything, a client without rights, and the shop's own server for express callbacks. */
export async function openWorld() {
  const scopes = [...testScopes, 'admin:billing', 'admin:reports']
  const shop = await startShop({ scopes })
  const { server, account_id } = shop
  const receiver: Receiver = await startReceiver()
  const weak = await createTestAccount(server, { scopes: ['read:nothing'] })
  const fresh = await createTestAccount(server, { scopes })
  const production = await createTestAccount(server, { account_id: 'P12345678', scopes })
  const must = async (method: string, path: string, body?: unknown) => {
    const answer = await shop.call(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const pay = (sid: string, payment_product_type: string, more: object = { simulate: 'approve' }) =>
    send(server.url, 'POST', `/v1/sessions/${sid}/pay`, { body: { payment_product_type, ...more } })

  /** A session that can be paid with this product alone. */
  async function session(type = 'dintero_psp.creditcard', changes: { order?: object; configuration?: object } = {}) {
    const order = { ...walk.order, ...(/swish/.test(type) ? { currency: 'SEK' } : {}), ...changes.order }
    const configuration = { ...only(type), ...changes.configuration }
    return (await must('POST', '/v1/sessions', { url: walk.url, order, configuration })).id as string
  }
  /** A transaction that is authorized, unless `simulate` says otherwise. */
  async function paid(type?: string, changes: Parameters<typeof session>[1] & { simulate?: string } = {}) {
    const sid = await session(type, changes)
    await pay(sid, type ?? 'dintero_psp.creditcard', { simulate: changes.simulate ?? 'approve' })
    const { transaction_id } = await shop.read(sid)
    if (!transaction_id) throw new Error(`${type} was not paid`)
    return `/v1/transactions/${transaction_id}`
  }
  /** Does `work` while the simulator gives no answer to this kind of call, or another fault. */
  async function faulty<T>(operation: string, fault: string | undefined, work: () => Promise<T>): Promise<T> {
    const rules = [{ when: { operation }, do: fault ?? 'timeout_after', after_s: 100_000 }]
    await must('PUT', '/v1/simulator/script', { seed: 's', rules })
    try {
      return await work()
    } finally {
      await must('DELETE', '/v1/simulator/script')
    }
  }
  return {
    ...shop,
    account_id,
    token: shop.token,
    receiver,
    weak,
    fresh,
    production,
    must,
    pay,
    session,
    paid,
    faulty,
    async close() {
      await receiver.close()
      await shop.close()
    },
  }
}
