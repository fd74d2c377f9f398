import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError, type Refusal, refused } from '../../lib/errors.ts'
import { operationIdOf } from '../../lib/idempotency.ts'
import { answerPage } from '../../lib/large-page.ts'
import { dropsEmpties, responses } from '../../lib/schema.ts'
import { systemHeaders } from '../headers.ts'
import { showSession } from '../sessions/operations.ts'
import { findSession } from '../sessions/store.ts'
import { TransactionAnswer } from './answer.ts'
import { filterOf, TransactionsQuery } from './list.ts'
import { listTransactions } from './listing/store.ts'
import { capture, changeReference, type Moved, type Payments, readTransaction, refund, voidAuthorization } from './operations.ts'
import {
  bodyOf,
  CaptureBody,
  IncludesQuery,
  itemsOf,
  listOf,
  metadataOf,
  ReferenceBody,
  RefundBody,
  VoidBody,
} from './schemas.ts'
import { findTransaction, type Transaction } from './store.ts'
import { asLeftBy, transactionView } from './view.ts'

const write = ['admin:checkout', 'write:checkout']
const read = ['admin:checkout', 'read:checkout']
const tags = ['transactions']
const answers = responses({ 200: TransactionAnswer, 202: TransactionAnswer }, 400, 401, 403, 404, 409, 422)

/** `/v1/transactions/{id}` and what moves its money (checkout-api §4). */
export const transactionRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  const payments: Payments = parts

  app.get<{ Querystring: TransactionsQuery }>(
    '/v1/transactions',
    {
      config: { scopes: read },
      schema: {
        operationId: 'transactions_get',
        tags,
        summary: 'List transactions, newest first',
        querystring: TransactionsQuery,
        response: responses({ 200: Type.Array(TransactionAnswer) }, 400, 401, 403),
      },
    },
    async ({ query, auth }, reply) => {
      const { account_id } = auth
      const filter = filterOf(query, account_id)
      if ('code' in filter) throw refused(filter)
      const includes = listOf(query.includes)
      return answerPage(reply, await listTransactions(parts.sql, account_id, filter), {
        view: (transaction) => transactionView(transaction, includes),
        read: ({ id }) => findTransaction(parts.sql, account_id, id),
      })
    },
  )

  app.get<{ Params: { id: string }; Querystring: Static<typeof IncludesQuery> }>(
    '/v1/transactions/:id',
    {
      config: { scopes: read },
      schema: {
        operationId: 'transactions_id_get',
        tags,
        summary: 'Read a transaction',
        querystring: IncludesQuery,
        response: responses({ 200: TransactionAnswer }, 400, 401, 403, 404),
      },
    },
    async ({ params, query, auth }) => {
      const transaction = await readTransaction(parts, auth.account_id, params.id)
      const includes = listOf(query.includes)
      const session = await sessionOf(parts, transaction, includes)
      return transactionView(transaction, includes, session ? { session } : {})
    },
  )

  app.put<{ Params: { id: string }; Body: Static<typeof ReferenceBody> }>(
    '/v1/transactions/:id',
    {
      config: { scopes: write },
      schema: {
        operationId: 'transactions_id_put',
        tags,
        summary: "Set the merchant's second reference",
        body: ReferenceBody,
        response: responses({ 200: TransactionAnswer }, 400, 401, 403, 404),
      },
    },
    async ({ params, body, auth }) => {
      const { merchant_reference_2 } = bodyOf(body)
      const changed = await changeReference(parts, { account_id: auth.account_id, id: params.id, merchant_reference_2 })
      return transactionView(changed)
    },
  )

  app.post<{ Params: { id: string }; Body: Static<typeof CaptureBody> }>(
    '/v1/transactions/:id/capture',
    {
      config: { scopes: write, idempotency: 'operation' },
      preValidation: dropsEmpties(CaptureBody),
      schema: {
        operationId: 'transactions_id_capture_post',
        tags,
        summary: 'Capture an amount, or all that is left',
        body: CaptureBody,
        response: answers,
      },
    },
    async (request, reply) => {
      const body = bodyOf(request.body)
      const moved = await capture(payments, {
        ...commandOf(request),
        ...movementOf(body),
        ...(body.final_capture ? { final_capture: true } : {}),
        request: {
          ...recordOf(request, body),
          ...(body.capture_reference ? { event_reference: body.capture_reference } : {}),
          ...(body.final_capture ? { final_capture: true } : {}),
        },
      })
      return answer(reply, moved)
    },
  )

  app.post<{ Params: { id: string }; Body: Static<typeof RefundBody> }>(
    '/v1/transactions/:id/refund',
    {
      config: { scopes: write, idempotency: 'operation' },
      preValidation: dropsEmpties(RefundBody),
      schema: {
        operationId: 'transactions_id_refund_post',
        tags,
        summary: 'Give back a captured amount',
        body: RefundBody,
        response: answers,
      },
    },
    async (request, reply) => {
      const body = bodyOf(request.body)
      const moved = await refund(payments, {
        ...commandOf(request),
        ...movementOf(body),
        request: {
          ...recordOf(request, body),
          ...(body.refund_reference ? { event_reference: body.refund_reference } : {}),
          ...(body.reason ? { reason: body.reason } : {}),
        },
      })
      return answer(reply, moved)
    },
  )

  app.post<{ Params: { id: string }; Body: unknown }>(
    '/v1/transactions/:id/void',
    {
      config: { scopes: write, idempotency: 'operation' },
      schema: {
        operationId: 'transactions_id_void_post',
        tags,
        summary: 'Release what is left of the authorization',
        body: VoidBody,
        response: answers,
      },
    },
    async (request, reply) =>
      answer(reply, await voidAuthorization(payments, { ...commandOf(request), request: recordOf(request, {}) })),
  )
}

/** The session, with all its events or the latest, when `includes` asks for it (checkout-api §4.5.2). */
async function sessionOf(parts: Parts, { account_id, session_id }: Transaction, includes: readonly string[]) {
  const latest = includes.includes('session.events.latest')
  if (!latest && !includes.includes('session')) return undefined
  const session = await findSession(parts.sql, account_id, session_id, { events: true })
  if (!session) return undefined
  return showSession(parts, latest ? { ...session, events: session.events?.slice(-1) ?? [] } : session)
}

type Movement = Partial<Pick<Static<typeof CaptureBody>, 'amount' | 'items' | 'metadata'>>

/** Who asks for what, of a request with a transaction's id in its path. */
export function commandOf({ params, auth, idempotency }: FastifyRequest) {
  const command = { account_id: auth.account_id, id: (params as { id: string }).id, created_by: auth.subject }
  return idempotency ? { ...command, operation_id: operationIdOf(idempotency) } : command
}

function movementOf({ amount, items }: Movement) {
  const kept = itemsOf(items)
  return { ...(amount === undefined ? {} : { amount }), ...(kept ? { items: kept } : {}) }
}

/** What the event will show of the request. */
export function recordOf({ headers, idempotency }: FastifyRequest, { items, metadata }: Movement) {
  const kept = metadataOf(metadata)
  if (isRefusal(kept)) throw refused(kept)
  const request_headers = systemHeaders(headers)
  const lines = itemsOf(items)
  return {
    ...(Object.keys(kept).length ? { metadata: kept } : {}),
    ...(lines ? { items: lines } : {}),
    ...(request_headers ? { request_headers } : {}),
    ...(idempotency ? { request_hash: idempotency.hash.toString('hex') } : {}),
  }
}

function isRefusal(value: Record<string, string> | Refusal): value is Refusal {
  return 'code' in value && 'message' in value
}

/** 200 with the whole transaction; 202 while the provider has not answered; 400 when it said no (docs/decisions/0050). */
export function answer(reply: FastifyReply, { transaction, operation, repeated }: Moved) {
  if (repeated) reply.header('idempotent-replayed', 'true')
  if (operation.state === 'failed') {
    const reason = operation.outcome?.error?.message ?? 'no reason given'
    throw new ApiError('operation_declined', `The provider refused the ${operation.kind}: ${reason}`)
  }
  if (operation.state !== 'succeeded') reply.code(202).header('event-request-id', operation.id)
  // Of a repeated request the answer is the one that the first one got, whatever has happened since.
  const shown = repeated ? asLeftBy(transaction, operation) : transaction
  return transactionView(shown, ['initiating_system_request_headers'])
}
