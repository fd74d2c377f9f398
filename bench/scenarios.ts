import { Connection, type Request } from './client.ts'
import type { Source } from './measure.ts'

export type Target = { url: string; account_id: string; token: string }

const amount = 39_800
const description = 'Stablestol for utendørsbruk'
const shopping = (target: Target) => `/v1/accounts/${target.account_id}/shopping`
const draftBody = JSON.stringify({
  options: { generate_order_id: 'ALPHANUMERIC_9' },
  order: {
    currency: 'NOK',
    items: [
      {
        id: '175938',
        line_id: 1,
        quantity: 2,
        gross_amount: amount,
        tax_lines: [{ amount: 7960, percentage: 25 }],
        description,
        description_alias: 'Stablestol',
      },
    ],
  },
})
const sessionBody = (reference: string) =>
  JSON.stringify({
    url: { return_url: 'https://example.com/accept' },
    order: {
      amount,
      currency: 'NOK',
      merchant_reference: reference,
      items: [{ id: '175938', line_id: '1', description, quantity: 2, amount, vat_amount: 7960, vat: 25 }],
    },
    profile_id: 'default',
  })
const payBody = JSON.stringify({
  payment_product_type: 'dintero_psp.creditcard',
  card: { number: '4000000000000002', expiry: '12/30', cvc: '123' },
})
const moveBody = JSON.stringify({ amount, items: [{ line_id: '1', amount }] })
const recordBody = (id: string) =>
  JSON.stringify({ items: [{ amount, line_id: 1 }], payment_details: { payment_id: id }, success: true })

/** The steps of the walk. Each takes what the one before made: a draft, an order, a session, a transaction. */
export const steps = {
  draft_create: (t: Target): Request => ({ method: 'POST', path: `${shopping(t)}/draft_orders`, body: draftBody }),
  draft_complete: (t: Target, draft: string): Request => ({
    method: 'PUT',
    path: `${shopping(t)}/draft_orders/${draft}/complete`,
    body: '{}',
  }),
  session_create: (_: Target, order: string): Request => ({
    method: 'POST',
    path: '/v1/sessions-profile',
    body: sessionBody(order),
  }),
  pay: (_: Target, session: string): Request => ({ method: 'POST', path: `/v1/sessions/${session}/pay`, body: payBody }),
  order_authorization: (t: Target, order: string): Request => ({
    method: 'POST',
    path: `${shopping(t)}/orders/${order}/authorizations`,
    body: recordBody(order),
  }),
  capture: (_: Target, transaction: string): Request => ({
    method: 'POST',
    path: `/v1/transactions/${transaction}/capture`,
    body: moveBody,
  }),
  order_capture: (t: Target, order: string): Request => ({
    method: 'POST',
    path: `${shopping(t)}/orders/${order}/captures`,
    body: recordBody(order),
  }),
  refund: (_: Target, transaction: string): Request => ({
    method: 'POST',
    path: `/v1/transactions/${transaction}/refund`,
    body: moveBody,
  }),
  order_refund: (t: Target, order: string): Request => ({
    method: 'POST',
    path: `${shopping(t)}/orders/${order}/refunds`,
    body: recordBody(order),
  }),
  transaction_get: (_: Target, transaction: string): Request => ({ method: 'GET', path: `/v1/transactions/${transaction}` }),
  order_get: (t: Target, order: string): Request => ({ method: 'GET', path: `${shopping(t)}/orders/${order}` }),
  order_list: (t: Target): Request => ({ method: 'GET', path: `${shopping(t)}/orders?limit=20` }),
  transaction_list: (): Request => ({ method: 'GET', path: '/v1/transactions?limit=20' }),
} as const
export type Step = keyof typeof steps

/** Sends what `source` gives over `connections` connections and returns the answers in any order. Throws on a refusal. */
export async function run(target: Target, source: Source, connections = 16): Promise<string[]> {
  let index = 0
  const bodies: string[] = []
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const connection = new Connection(new URL(target.url))
      for (let request = source(index++); request; request = source(index++)) {
        const { status, body } = await connection.send({ ...request, token: target.token })
        if (status !== 200) throw new Error(`${request.method} ${request.path} answered ${status}: ${body.slice(0, 300)}`)
        bodies.push(body)
      }
      connection.close()
    }),
  )
  return bodies
}

const each =
  <T>(values: readonly T[], make: (value: T) => Request): Source =>
  (index) =>
    index < values.length ? make(values[index]!) : undefined
const times =
  (count: number, make: () => Request): Source =>
  (index) =>
    index < count ? make() : undefined
const parse = <T>(bodies: string[]) => bodies.map((body) => JSON.parse(body) as T)

/** Makes `count` drafts. */
export const makeDrafts = async (t: Target, count: number) =>
  parse<{ id: string }>(
    await run(
      t,
      times(count, () => steps.draft_create(t)),
    ),
  ).map(({ id }) => id)
/** Makes `count` orders. */
export const makeOrders = async (t: Target, count: number) =>
  parse<{ orders: { order_id: string }[] }>(
    await run(
      t,
      each(await makeDrafts(t, count), (id) => steps.draft_complete(t, id)),
    ),
  ).map(({ orders }) => orders[0]!.order_id)
/** Makes `count` sessions that nobody has paid. */
export const makeSessions = async (t: Target, count: number) =>
  parse<{ id: string }>(
    await run(
      t,
      times(count, () => steps.session_create(t, 'bench')),
    ),
  ).map(({ id }) => id)
/** Makes `count` authorized transactions. */
export async function makeTransactions(t: Target, count: number) {
  const sessions = await makeSessions(t, count)
  await run(
    t,
    each(sessions, (id) => steps.pay(t, id)),
  )
  const read = await run(
    t,
    each(sessions, (id) => ({ method: 'GET', path: `/v1/sessions/${id}` })),
  )
  return parse<{ transaction_id: string }>(read).map(({ transaction_id }) => transaction_id)
}
/** Puts a step through for each of the ids, unmeasured. */
export const put = (t: Target, step: Step, ids: readonly string[]) =>
  run(
    t,
    each(ids, (id) => steps[step](t, id)),
  )
/** A source that plays one step over the given ids, once each. */
export const source =
  (t: Target, step: Step, ids: readonly string[]): Source =>
  (index) =>
    index < ids.length ? { ...steps[step](t, ids[index]!), token: t.token } : undefined
/** A source that plays one step for ever over the given ids: for reads and creations. */
export const endless =
  (t: Target, step: Step, ids: readonly string[] = ['']): Source =>
  (index) => ({ ...steps[step](t, ids[index % ids.length]!), token: t.token })
