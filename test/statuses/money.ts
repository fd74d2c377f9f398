import { randomUUID } from 'node:crypto'
import { walk } from '../sessions-shop.ts'
import { card, nothing, type Row, type World } from './world.ts'

const { amount } = walk.order
const captured = async (world: World, type?: string) => {
  const path = await world.paid(type)
  // Swish is captured when it is authorized.
  if (!type?.includes('swish')) await world.must('POST', `${path}/capture`, { amount })
  return path
}
/** A transaction with a capture that the provider does not answer, and the id of that operation. */
async function lost(world: World) {
  const path = await world.paid()
  const { headers } = await world.faulty('capture', undefined, () => world.call('POST', `${path}/capture`, { amount }))
  return { path, id: headers.get('event-request-id')! }
}
/** Asks for the same again with a key that named something else. */
async function reused(world: World, path: string, first: unknown, then: unknown) {
  const headers = { 'idempotency-key': randomUUID() }
  const { status } = await world.call('POST', path, first, headers)
  if (status >= 300) throw new Error(`${path}: ${status}`)
  return { path, body: then, headers }
}
const missing = (world: World, verb = '') => `/v1/transactions/${nothing(world)}${verb}`
const klarnaItems = (of: number) => ({ amount: of, items: [{ ...walk.order.items[0], amount: of }] })
const preAuthorized = (world: World) => world.paid(card, { configuration: { pre_authorization: true } })
const final = { amount, final_authorization: true }

/** Transactions and what moves their money (checkout-api §4). */
export const moneyRows: Row[] = [
  ['transactions_get', 200, '', () => ({ path: '/v1/transactions?status=AUTHORIZED&status=CAPTURED&limit=5' })],
  ['transactions_get', 400, 'invalid_request', () => ({ path: '/v1/transactions?limit=101' })],
  [
    'transactions_id_get',
    200,
    '',
    async ({ paid }) => ({ path: `${await paid()}?includes=session&includes=card.payment_token` }),
  ],
  ['transactions_id_get', 404, 'not_found', (world) => ({ path: missing(world) })],
  ['transactions_id_put', 200, '', async ({ paid }) => ({ path: await paid(), body: { merchant_reference_2: 'A-2' } })],
  [
    'transactions_id_put',
    400,
    'invalid_request',
    async ({ paid }) => ({ path: await paid(), body: { merchant_reference_2: 'x'.repeat(256) } }),
  ],
  ['transactions_id_put', 404, 'not_found', (world) => ({ path: missing(world), body: { merchant_reference_2: 'A-2' } })],

  ['transactions_id_capture_post', 200, '', async ({ paid }) => ({ path: `${await paid()}/capture`, body: { amount } })],
  ['transactions_id_capture_post', 202, '', async (world) => ({ path: `${await world.paid()}/capture`, fault: 'capture' })],
  [
    'transactions_id_capture_post',
    400,
    'amount_exceeds_authorized',
    async ({ paid }) => ({ path: `${await paid()}/capture`, body: { amount: amount + 1 } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'amount_required',
    async ({ paid }) => ({ path: `${await paid()}/capture`, body: { amount: 0 } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'transaction_status_conflict',
    async (world) => ({ path: `${await captured(world)}/capture`, body: { amount } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'transaction_status_conflict',
    async (world) => ({ path: `${await preAuthorized(world)}/capture`, body: { amount } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'operation_unsupported',
    async ({ paid }) => ({ path: `${await paid('vipps')}/capture`, body: { amount, final_capture: true } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'metadata_invalid',
    async ({ paid }) => ({ path: `${await paid()}/capture`, body: { amount, metadata: { mine: 'x' } } }),
  ],
  [
    'transactions_id_capture_post',
    400,
    'operation_declined',
    async ({ paid }) => ({ path: `${await paid()}/capture`, body: { amount }, fault: 'capture', do: 'decline' }),
  ],
  ['transactions_id_capture_post', 404, 'not_found', (world) => ({ path: missing(world, '/capture'), body: { amount } })],
  [
    'transactions_id_capture_post',
    409,
    'operation_pending',
    async (world) => ({ path: `${(await lost(world)).path}/capture`, body: { amount } }),
  ],
  [
    'transactions_id_capture_post',
    422,
    'idempotency_key_reused',
    async (world) => reused(world, `${await world.paid()}/capture`, { amount: 1 }, { amount: 2 }),
  ],

  ['transactions_id_refund_post', 200, '', async (world) => ({ path: `${await captured(world)}/refund`, body: { amount: 1 } })],
  [
    'transactions_id_refund_post',
    202,
    '',
    async (world) => ({ path: `${await captured(world, 'swish.swish')}/refund`, body: { amount } }),
  ],
  [
    'transactions_id_refund_post',
    400,
    'amount_exceeds_captured',
    async (world) => ({ path: `${await captured(world)}/refund`, body: { amount: amount + 1 } }),
  ],
  [
    'transactions_id_refund_post',
    400,
    'amount_required',
    async (world) => ({ path: `${await captured(world)}/refund`, body: {} }),
  ],
  [
    'transactions_id_refund_post',
    400,
    'transaction_status_conflict',
    async ({ paid }) => ({ path: `${await paid()}/refund`, body: { amount } }),
  ],
  ['transactions_id_refund_post', 404, 'not_found', (world) => ({ path: missing(world, '/refund'), body: { amount } })],
  [
    'transactions_id_refund_post',
    409,
    'operation_pending',
    async (world) => {
      const path = `${await captured(world, 'swish.swish')}/refund`
      await world.must('POST', path, { amount })
      return { path, body: { amount } }
    },
  ],
  [
    'transactions_id_refund_post',
    422,
    'idempotency_key_reused',
    async (world) => reused(world, `${await captured(world)}/refund`, { amount: 1 }, { amount: 2 }),
  ],

  ['transactions_id_void_post', 200, '', async ({ paid }) => ({ path: `${await paid()}/void`, body: '' })],
  ['transactions_id_void_post', 200, '', async ({ paid }) => ({ path: `${await paid()}/void`, body: '[]' })],
  ['transactions_id_void_post', 202, '', async ({ paid }) => ({ path: `${await paid()}/void`, fault: 'void' })],
  ['transactions_id_void_post', 400, 'transaction_status_conflict', async (world) => ({ path: `${await captured(world)}/void` })],
  [
    'transactions_id_void_post',
    400,
    'operation_unsupported',
    async ({ paid, must }) => {
      const path = await paid('bambora.creditcard')
      await must('POST', `${path}/capture`, { amount: 1 })
      return { path: `${path}/void` }
    },
  ],
  ['transactions_id_void_post', 404, 'not_found', (world) => ({ path: missing(world, '/void') })],
  ['transactions_id_void_post', 409, 'operation_pending', async (world) => ({ path: `${(await lost(world)).path}/void` })],
  [
    'transactions_id_void_post',
    422,
    'idempotency_key_reused',
    async (world) => reused(world, `${await world.paid()}/void`, {}, { more: 1 }),
  ],

  [
    'transactions_id_authorization_post',
    200,
    '',
    async ({ paid }) => ({ path: `${await paid('klarna.klarna')}/authorization`, body: { reason: 'late', reference: 'E-1' } }),
  ],
  [
    'transactions_id_authorization_post',
    200,
    '',
    async ({ paid }) => ({ path: `${await paid('klarna.klarna')}/authorization`, body: klarnaItems(amount + 1) }),
  ],
  [
    'transactions_id_authorization_post',
    200,
    '',
    async ({ paid }) => ({ path: `${await paid('dintero.external', { simulate: 'hold' })}/authorization`, body: {} }),
  ],
  [
    'transactions_id_authorization_post',
    202,
    '',
    async (world) => ({ path: `${await preAuthorized(world)}/authorization`, body: final, fault: 'update_authorization' }),
  ],
  [
    'transactions_id_authorization_post',
    400,
    'operation_unsupported',
    async ({ paid }) => ({ path: `${await paid('vipps')}/authorization`, body: { amount: 1 } }),
  ],
  [
    'transactions_id_authorization_post',
    400,
    'amount_not_allowed',
    async (world) => ({ path: `${await preAuthorized(world)}/authorization`, body: { amount } }),
  ],
  ['transactions_id_authorization_post', 404, 'not_found', (world) => ({ path: missing(world, '/authorization'), body: {} })],
  [
    'transactions_id_authorization_post',
    409,
    'authorization_final',
    async (world) => {
      const path = `${await preAuthorized(world)}/authorization`
      await world.must('POST', path, final)
      return { path, body: final }
    },
  ],
  [
    'transactions_id_authorization_post',
    422,
    'idempotency_key_reused',
    async (world) => reused(world, `${await preAuthorized(world)}/authorization`, { amount: amount + 1 }, final),
  ],

  ['operations_get', 200, '', async (world) => ({ path: `/v1/operations?transaction_id=${(await world.paid()).split('/')[3]}` })],
  ['operations_get', 400, 'invalid_request', () => ({ path: '/v1/operations?limit=0' })],
  ['operations_id_get', 200, '', async (world) => ({ path: `/v1/operations/${(await lost(world)).id}` })],
  ['operations_id_get', 404, 'not_found', () => ({ path: `/v1/operations/${randomUUID()}` })],
  [
    'operations_id_resolve_post',
    200,
    '',
    async (world) => ({
      path: `/v1/operations/${(await lost(world)).id}/resolve`,
      body: { outcome: 'succeeded', evidence: 'line 17' },
    }),
  ],
  [
    'operations_id_resolve_post',
    400,
    'invalid_request',
    async (world) => ({ path: `/v1/operations/${(await lost(world)).id}/resolve`, body: { outcome: 'succeeded' } }),
  ],
  [
    'operations_id_resolve_post',
    404,
    'not_found',
    () => ({ path: `/v1/operations/${randomUUID()}/resolve`, body: { outcome: 'failed', evidence: 'none' } }),
  ],
  [
    'operations_id_resolve_post',
    409,
    'operation_settled',
    async (world) => {
      const transaction_id = (await world.paid()).split('/')[3]
      const [{ id }] = await world.must('GET', `/v1/operations?transaction_id=${transaction_id}`)
      return { path: `/v1/operations/${id}/resolve`, body: { outcome: 'failed', evidence: 'none' } }
    },
  ],
]
