import { randomUUID } from 'node:crypto'
import { express, post, walk } from '../sessions-shop.ts'
import { card, nothing, putOrder, type Row, type World } from './world.ts'

const pay = (sid: string, more: object = { simulate: 'approve' }, headers = {}) => ({
  path: `/v1/sessions/${sid}/pay`,
  body: { payment_product_type: card, ...more },
  headers,
})
/** A payment that waits for the customer in an app, and where he comes back. */
async function waiting(world: World, product = 'vipps') {
  const sid = await world.session(product)
  const { body } = await world.pay(sid, product, {})
  const id = /payments\/([^/]+)\/status/.exec(body.poll_url)![1]!
  return { sid, id, redirect: `/v1/sessions/${sid}/redirect/${id}` }
}
const address = { shipping_address: { first_name: 'Kari', postal_code: '0155', country: 'NO' } }

/** An express session whose shop is asked for shipping and codes at `receiver`, which answers `answer` after doing `meanwhile`. */
async function asking(
  { receiver, create }: World,
  answer: unknown,
  meanwhile: (sid: string) => Promise<unknown> = async () => {},
) {
  const discount_codes = { max_count: 2, callback_url: `${receiver.url}/codes` }
  const sid = await create({
    ...express,
    express: { ...express.express, shipping_address_callback_url: `${receiver.url}/shipping`, discount_codes },
    configuration: { discounts: { express_discount_codes: { enabled: true } } },
  })
  receiver.answer((_request, response) => {
    meanwhile(sid).finally(() => response.setHeader('content-type', 'application/json').end(JSON.stringify(answer)))
  })
  return sid
}
const changed = (world: World) => (sid: string) =>
  world.must('PUT', `/v1/sessions/${sid}?update_without_lock=true`, { ...putOrder, express: { shipping_options: [post] } })
const stale = { 'if-unmodified-since': '2020-01-01T00:00:00.000Z' }
const codes = { discount_codes: ['HALF'] }
const view = (sid: string, rest = '') => `/v1/view/${sid}/session${rest}`
const over = async ({ create, must }: World) => {
  const sid = await create(express)
  await must('POST', `/v1/sessions/${sid}/cancel`)
  return sid
}

const statusRows = (['payments', 'swish'] as const).flatMap((kind): Row[] => {
  const operation = `view_session_id_${kind}_status_get`
  const path = (sid: string, id: string) => `/v1/view/${sid}/${kind}/${id}/status`
  const product = kind === 'swish' ? 'swish.swish' : 'vipps'
  return [
    [
      operation,
      200,
      '',
      async (world) => {
        const { sid, id } = await waiting(world, product)
        await world.must('POST', `/v1/sessions/${sid}/cancel`)
        return { path: path(sid, id) }
      },
    ],
    [
      operation,
      202,
      '',
      async (world) => {
        const { sid, id } = await waiting(world, product)
        return { path: path(sid, id) }
      },
    ],
    [operation, 404, 'not_found', async ({ create }) => ({ path: path(await create(), randomUUID()) })],
  ]
})

const addressRows = (['addresses', 'shipping_address'] as const).flatMap((what): Row[] => {
  const operation = `view_session_sid_session_order_${what}_put`
  const body = what === 'addresses' ? address : address.shipping_address
  const path = (sid: string) => view(sid, `/order/${what}`)
  const options = { shipping_options: [post] }
  return [
    [operation, 200, '', async (world) => ({ path: path(await asking(world, options)), body })],
    [operation, 400, 'express_callback_failed', async (world) => ({ path: path(await asking(world, {})), body })],
    [operation, 404, 'session_gone', async (world) => ({ path: path(await over(world)), body })],
    [operation, 409, 'session_changed', async (world) => ({ path: path(await asking(world, options, changed(world))), body })],
    [operation, 412, 'precondition_failed', async ({ create }) => ({ path: path(await create(express)), body, headers: stale })],
  ]
})

/** The customer's side (checkout-api §3.10). */
export const customerRows: Row[] = [
  ['sessions_session_id_pay_post', 200, '', async ({ session }) => pay(await session())],
  ['sessions_session_id_pay_post', 202, '', async ({ session }) => ({ ...pay(await session()), fault: 'authorize' })],
  ['sessions_session_id_pay_post', 400, 'payment_product_not_payable', async ({ session }) => pay(await session('vipps'))],
  ['sessions_session_id_pay_post', 400, 'session_incomplete', async ({ create }) => pay(await create(express))],
  ['sessions_session_id_pay_post', 404, 'session_gone', async (world) => pay(await over(world))],
  ['sessions_session_id_pay_post', 404, 'session_not_found', async (world) => pay(nothing(world))],
  ['sessions_session_id_pay_post', 404, 'session_not_found', async () => pay('no-id')],
  ['sessions_session_id_pay_post', 409, 'session_payment_in_progress', async (world) => pay((await waiting(world)).sid)],
  ['sessions_session_id_pay_post', 412, 'precondition_failed', async ({ session }) => pay(await session(), {}, stale)],
  [
    'sessions_session_id_pay_post',
    412,
    'session_locked',
    async ({ create, view: customer }) => {
      const sid = await create()
      await customer('POST', `${sid}/session/lock`)
      return pay(sid)
    },
  ],
  [
    'sessions_session_id_redirect_get',
    202,
    '',
    async (world) => {
      const url = { return_url: 'myapp://back?initial_recipient=merchant' }
      const sid = await world.create({ ...walk, url, configuration: { channel: 'in_app' } })
      const { body } = await world.pay(sid, 'vipps', {})
      return { path: body.poll_url.replace(/.*\/v1\/view\/(.*)\/payments\/(.*)\/status$/, '/v1/sessions/$1/redirect/$2') }
    },
  ],
  ['sessions_session_id_redirect_get', 302, '', async (world) => ({ path: (await waiting(world)).redirect })],
  [
    'sessions_session_id_redirect_get',
    404,
    'not_found',
    async ({ create }) => ({ path: `/v1/sessions/${await create()}/redirect/${randomUUID()}` }),
  ],
  ...statusRows,
  ['view_session_sid_session_get', 200, '', async ({ create }) => ({ path: view(await create()) })],
  ['view_session_sid_session_get', 404, 'session_gone', async (world) => ({ path: view(await over(world)) })],
  [
    'view_session_sid_session_get',
    404,
    'session_gone',
    async ({ server, account_id, create }) => {
      const sid = await create()
      await server.sql`update checkout.sessions set expires_at = created_at where account_id = ${account_id} and id = ${sid}`
      return { path: view(sid) }
    },
  ],
  ['view_session_sid_session_lock_post', 200, '', async ({ create }) => ({ path: view(await create(), '/lock') })],
  ['view_session_sid_session_lock_post', 404, 'session_not_found', (world) => ({ path: view(nothing(world), '/lock') })],
  [
    'view_session_sid_session_lock_post',
    412,
    'session_lock_refused',
    async (world) => ({ path: view((await waiting(world)).sid, '/lock') }),
  ],
  ...addressRows,
  [
    'view_session_sid_session_order_shipping_option_put',
    200,
    '',
    async ({ create }) => ({ path: view(await create(express), '/order/shipping_option'), body: post }),
  ],
  [
    'view_session_sid_session_order_shipping_option_put',
    400,
    'shipping_option_unknown',
    async ({ create }) => ({ path: view(await create(express), '/order/shipping_option'), body: { ...post, line_id: 'boat' } }),
  ],
  [
    'view_session_sid_session_order_shipping_option_put',
    404,
    'session_gone',
    async (world) => ({ path: view(await over(world), '/order/shipping_option'), body: post }),
  ],
  [
    'view_session_sid_session_order_shipping_option_put',
    412,
    'precondition_failed',
    async ({ create }) => ({ path: view(await create(express), '/order/shipping_option'), body: post, headers: stale }),
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    200,
    '',
    async (world) => {
      const order = { amount: 100, currency: 'NOK', items: [{ line_id: '1', amount: 100 }], discount_codes: ['HALF'] }
      const sid = await asking(world, { order, shipping_options: [post] })
      return { path: view(sid, '/order/discount_codes'), body: codes }
    },
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    204,
    '',
    async (world) => ({ path: view(await asking(world, { shipping_options: [post] }), '/order/discount_codes'), body: codes }),
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    400,
    'invalid_request',
    async ({ create }) => ({ path: view(await create(express), '/order/discount_codes'), body: codes }),
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    404,
    'session_gone',
    async (world) => ({ path: view(await over(world), '/order/discount_codes'), body: codes }),
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    409,
    'session_changed',
    async (world) => {
      const sid = await asking(world, { order: { amount: 1 }, shipping_options: [post] }, changed(world))
      return { path: view(sid, '/order/discount_codes'), body: codes }
    },
  ],
  [
    'view_session_sid_session_order_discount_codes_put',
    412,
    'precondition_failed',
    async ({ create }) => ({ path: view(await create(express), '/order/discount_codes'), body: codes, headers: stale }),
  ],
  ['view_session_sid_session_abandon_post', 302, '', async ({ create }) => ({ path: view(await create(), '/abandon') })],
  [
    'view_session_sid_session_abandon_post',
    404,
    'session_gone',
    async ({ session, pay: paying }) => {
      const sid = await session()
      await paying(sid, card)
      return { path: view(sid, '/abandon') }
    },
  ],
  [
    'view_session_sid_payments_payment_product_type_post',
    200,
    '',
    async ({ create }) => ({ path: `/v1/view/${await create()}/payments/${card}` }),
  ],
  [
    'view_session_sid_payments_payment_product_type_post',
    400,
    'payment_product_not_payable',
    async ({ create }) => ({ path: `/v1/view/${await create()}/payments/swish.swish` }),
  ],
  [
    'view_session_sid_payments_payment_product_type_post',
    404,
    'session_gone',
    async (world) => ({ path: `/v1/view/${await over(world)}/payments/${card}` }),
  ],
]
