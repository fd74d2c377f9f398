import { randomUUID } from 'node:crypto'
import { walk, withOrder } from '../sessions-shop.ts'
import { card, nothing, only, putOrder, type Row, type World } from './world.ts'

/** A path in which U+0000 stands for an id: nothing that any client means. */
const nul = (path: string) => ({ path: path.replace('*', '%00') })
const token_provider = { payment_product_type: card, token_types: ['payment_token'] }
const tokenSession = { session: { url: walk.url, order: { currency: 'NOK', merchant_reference: 'r' } }, token_provider }

/** A token of an earlier payment, and the body that charges it. */
async function charge({ must, session, pay, read }: World, changes: { merchant_reference?: string } = {}) {
  const configuration = { dintero_psp: { creditcard: { enabled: true, generate_payment_token: true } } }
  const sid = await session(card, { configuration })
  await pay(sid, card)
  const { transaction_id } = await read(sid)
  const transaction = await must('GET', `/v1/transactions/${transaction_id}?includes=card.payment_token`)
  const { payment_token } = transaction.card
  return {
    session: {
      order: { ...walk.order, merchant_reference: randomUUID(), ...changes },
      customer: { tokens: { [card]: { payment_token } } },
    },
    payment: { payment_product_type: card, operation: 'unscheduled_purchase' },
  }
}

/** The merchant's side of sessions (checkout-api §3.2–§3.9). */
export const sessionRows: Row[] = [
  ['checkout_session_profile_post', 200, '', () => ({ path: '/v1/sessions-profile', body: walk })],
  [
    'checkout_session_profile_post',
    400,
    'profile_unknown',
    () => ({ path: '/v1/sessions-profile', body: { ...walk, profile_id: 'none' } }),
  ],
  [
    'checkout_session_profile_post',
    400,
    'session_amount_mismatch',
    () => ({
      path: '/v1/sessions-profile',
      body: withOrder({ amount: 1 }),
      headers: { 'dintero-feature-toggles': 'strict-session-amounts' },
    }),
  ],
  [
    'checkout_session_post',
    200,
    '',
    () => ({ path: '/v1/sessions?include_session=true', body: { ...walk, configuration: only(card) } }),
  ],
  [
    'checkout_session_post',
    400,
    'no_payment_product',
    () => ({ path: '/v1/sessions', body: { ...walk, profile_id: null, configuration: {} } }),
  ],
  [
    'checkout_session_post',
    400,
    'gateway_not_configured',
    ({ production }) => ({ path: '/v1/sessions', body: { ...walk, configuration: only(card) }, account: production }),
  ],
  ['checkout_session_get', 200, '', async ({ create }) => ({ path: `/v1/sessions/${await create()}` })],
  ['checkout_session_get', 400, 'invalid_request', () => nul('/v1/sessions/*')],
  ['checkout_session_get', 404, 'session_not_found', (world) => ({ path: `/v1/sessions/${nothing(world)}` })],
  [
    'checkout_session_put',
    200,
    '',
    async ({ create }) => ({ path: `/v1/sessions/${await create()}?update_without_lock=true`, body: putOrder }),
  ],
  [
    'checkout_session_put',
    400,
    'session_not_locked',
    async ({ create }) => ({ path: `/v1/sessions/${await create()}`, body: putOrder }),
  ],
  [
    'checkout_session_put',
    400,
    'session_finished',
    async ({ session, pay }) => {
      const sid = await session()
      await pay(sid, card)
      return { path: `/v1/sessions/${sid}?update_without_lock=true`, body: putOrder }
    },
  ],
  [
    'checkout_session_put',
    404,
    'session_not_found',
    (world) => ({ path: `/v1/sessions/${nothing(world)}?update_without_lock=true`, body: putOrder }),
  ],
  [
    'checkout_session_put',
    409,
    'session_payment_in_progress',
    async ({ session, pay }) => {
      const sid = await session('vipps')
      await pay(sid, 'vipps', {})
      return { path: `/v1/sessions/${sid}?update_without_lock=true`, body: putOrder }
    },
  ],
  [
    'checkout_session_cancel_post',
    200,
    '',
    async ({ session, pay }) => {
      const sid = await session()
      await pay(sid, card)
      return { path: `/v1/sessions/${sid}/cancel`, body: 'null' }
    },
  ],
  [
    'checkout_session_cancel_post',
    400,
    'transaction_status_conflict',
    async ({ paid, must }) => {
      const transaction = await paid()
      await must('POST', `${transaction}/capture`, { amount: walk.order.amount })
      return { path: `/v1/sessions/${(await must('GET', transaction)).session_id}/cancel` }
    },
  ],
  ['checkout_session_cancel_post', 404, 'session_not_found', (world) => ({ path: `/v1/sessions/${nothing(world)}/cancel` })],
  [
    'checkout_session_cancel_post',
    409,
    'session_payment_in_progress',
    async ({ create, pretend }) => {
      const sid = await create()
      await pretend(sid, { operation_id: randomUUID() })
      return { path: `/v1/sessions/${sid}/cancel` }
    },
  ],
  ['checkout_sessions_get', 200, '', () => ({ path: '/v1/sessions?limit=2' })],
  ['checkout_sessions_get', 400, 'invalid_request', () => ({ path: '/v1/sessions?limit=0' })],
  ['checkout_sessions_get', 400, 'invalid_request', () => ({ path: '/v1/sessions?created_at.gte=yesterday' })],
  ['checkout_payment_token_session_post', 200, '', () => ({ path: '/v1/sessions/payment-token', body: tokenSession })],
  [
    'checkout_payment_token_session_post',
    400,
    'token_not_supported',
    () => ({
      path: '/v1/sessions/payment-token',
      body: { ...tokenSession, token_provider: { ...token_provider, payment_product_type: 'vipps' } },
    }),
  ],
  [
    'checkout_session_qr_post',
    200,
    '',
    async ({ create }) => ({ path: `/v1/sessions/${await create()}/qr`, body: { size: 300 } }),
  ],
  [
    'checkout_session_qr_post',
    400,
    'invalid_request',
    async ({ create }) => ({ path: `/v1/sessions/${await create()}/qr`, body: { size: 4000 } }),
  ],
  [
    'checkout_session_qr_post',
    404,
    'session_not_found',
    (world) => ({ path: `/v1/sessions/${nothing(world)}/qr`, body: { size: 300 } }),
  ],
  ['sessions_pay_post', 200, '', async (world) => ({ path: '/v1/sessions/pay', body: await charge(world) })],
  [
    'sessions_pay_post',
    400,
    'payment_product_not_payable',
    async (world) => {
      const body = await charge(world)
      return { path: '/v1/sessions/pay', body: { ...body, payment: { ...body.payment, payment_product_type: 'vipps' } } }
    },
  ],
  [
    'sessions_pay_post',
    400,
    'merchant_reference_used',
    async (world) => {
      const { id } = { id: await world.create(withOrder({ merchant_reference: 'used' })) }
      const headers = { 'dintero-feature-toggles': 'strict-merchant-reference' }
      return { path: '/v1/sessions/pay', body: await charge(world, { merchant_reference: id ? 'used' : '' }), headers }
    },
  ],
  [
    'sessions_pay_post',
    409,
    'session_payment_in_progress',
    async (world) => {
      const sid = await world.session('vipps', { order: { merchant_reference: 'paying' } })
      await world.pay(sid, 'vipps', {})
      const headers = { 'dintero-feature-toggles': 'strict-success-merchant-reference' }
      return { path: '/v1/sessions/pay', body: await charge(world, { merchant_reference: 'paying' }), headers }
    },
  ],
]
