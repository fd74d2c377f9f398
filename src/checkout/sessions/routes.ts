import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { answerPage } from '../../lib/large-page.ts'
import { limits } from '../../lib/limits.ts'
import { dropNulls } from '../../lib/object.ts'
import { dropsEmpties, FreeObject, responses } from '../../lib/schema.ts'
import { dateOf } from '../../lib/time.ts'
import { featureToggles, systemHeaders, Toggled } from '../headers.ts'
import { voidForSession } from './cancel/operations.ts'
import { SessionIn, SessionProfileIn, TokenSessionIn } from './create.ts'
import {
  type Caller,
  type CreatedSession,
  cancelSession,
  createSession,
  createTokenSession,
  type Effect,
  listSessions,
  readSession,
  sessionUrl,
  showSession,
} from './operations.ts'
import { Session } from './schemas.ts'
import { findSession, type SessionFilter } from './store.ts'
import { updateSession } from './update/operations.ts'
import { nullsThatCount, SessionUpdateIn } from './update/update.ts'

const tags = ['sessions']
const write = { scopes: ['write:checkout'] }
const read = { scopes: ['read:checkout'] }
const Id = Type.Object({ id: Type.String() })
const Created = Type.Object(
  {
    id: Type.String(),
    url: Type.String({ format: 'uri' }),
    publish: Type.Optional(Type.Array(FreeObject)),
    session: Type.Optional(Session),
  },
  {
    examples: [{ id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm', url: 'http://localhost:8080/v1/view/T12345678.5cyWnV68vzJ1kYjZPrKWWm' }],
  },
)
const IncludeSession = Type.Object({ include_session: Type.Optional(Type.Boolean()) })
const QrIn = Type.Object(
  {
    format: Type.Optional(Type.Enum(['png'])),
    size: Type.Integer({ minimum: 300, maximum: 1024, description: 'Pixels.' }),
  },
  { examples: [{ format: 'png', size: 300 }] },
)
const Qr = Type.Object(
  { qr: Type.String({ description: 'PNG, base64.' }) },
  { examples: [{ qr: 'iVBORw0KGgoAAAANSUhEUgAAASwAAAEs…' }] },
)
/** Arrays may be sent as repeated keys or as a comma list. */
const List = Type.Optional(Type.Array(Type.String()))

/** What the operations need to know of a request. */
export function callerOf(request: FastifyRequest): Caller {
  const { account_id, subject } = request.auth
  return { account_id, subject, request_id: request.id, request_headers: systemHeaders(request.headers) }
}

const listed = (values: readonly string[] | undefined) => values?.flatMap((value) => value.split(','))

/** The merchant's side of sessions (checkout-api §3.2–§3.9). */
export const sessionRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  const created = ({ id, url, session }: CreatedSession, include: boolean | undefined) =>
    ({
      id,
      url,
      ...(Array.isArray(session.data.configuration.publish) ? { publish: session.data.configuration.publish } : {}),
      ...(include ? { session: showSession(parts, session) } : {}),
    }) as { id: string; url: string }

  app.post(
    '/v1/sessions-profile',
    {
      config: write,
      preValidation: dropsEmpties(SessionProfileIn),
      schema: {
        operationId: 'checkout_session_profile_post',
        tags,
        summary: 'Create a session from a profile',
        headers: Toggled,
        querystring: IncludeSession,
        body: SessionProfileIn,
        response: responses({ 200: Created }, 400, 401, 403),
      },
    },
    async (request) => {
      const toggles = featureToggles(request.headers['dintero-feature-toggles'])
      const made = await createSession(parts, callerOf(request), { body: request.body, toggles })
      return created(made, request.query.include_session)
    },
  )

  app.post(
    '/v1/sessions',
    {
      config: write,
      preValidation: dropsEmpties(SessionIn),
      schema: {
        operationId: 'checkout_session_post',
        tags,
        summary: 'Create a session with its whole configuration',
        headers: Toggled,
        querystring: IncludeSession,
        body: SessionIn,
        response: responses({ 200: Created }, 400, 401, 403),
      },
    },
    async (request) => {
      const toggles = featureToggles(request.headers['dintero-feature-toggles'])
      const made = await createSession(parts, callerOf(request), { body: request.body, toggles })
      return created(made, request.query.include_session)
    },
  )

  app.get(
    '/v1/sessions/:id',
    {
      config: read,
      schema: {
        operationId: 'checkout_session_get',
        tags,
        summary: 'Read a session',
        params: Id,
        querystring: Type.Object({ includes: List }),
        response: responses({ 200: Session }, 400, 401, 403, 404),
      },
    },
    async (request) => {
      const session = await readSession(parts, request.auth.account_id, request.params.id)
      return showSession(parts, session, listed(request.query.includes)) as never
    },
  )

  app.put(
    '/v1/sessions/:id',
    {
      // Published as readable with `read:checkout` too (checkout-api §1.6).
      config: { scopes: ['write:checkout', 'read:checkout'], nulls: 'keep', idempotency: 'late' },
      preValidation: async (request) => {
        request.body = dropNulls(request.body ?? {}, nullsThatCount) as never
        await dropsEmpties(SessionUpdateIn)(request)
      },
      schema: {
        operationId: 'checkout_session_put',
        tags,
        summary: 'Update the order of a session',
        description:
          'Each member of `order` that is sent replaces the one before. `shipping_option: null` removes the chosen option.',
        params: Id,
        headers: Toggled,
        querystring: Type.Object({
          update_without_lock: Type.Optional(Type.Boolean()),
          force_shipping_address_callback: Type.Optional(Type.Boolean()),
        }),
        body: SessionUpdateIn,
        response: responses({ 200: Session }, 400, 401, 403, 404, 409),
      },
    },
    async (request) => {
      const { params, query, body } = request
      const toggles = featureToggles(request.headers['dintero-feature-toggles'])
      const session = await updateSession(parts, callerOf(request), { id: params.id, body, ...query, toggles }, effectOf(request))
      return showSession(parts, session) as never
    },
  )

  app.post(
    '/v1/sessions/:id/cancel',
    {
      config: { ...write, idempotency: 'late' },
      schema: {
        operationId: 'checkout_session_cancel_post',
        tags,
        summary: 'Cancel a session; what is authorized is voided',
        params: Id,
        response: responses({ 200: Session }, 400, 401, 403, 404, 409),
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const voidTransaction = (id: string) => {
        const { account_id, subject, request_headers } = caller
        const command = { account_id, id, created_by: subject, request: request_headers ? { request_headers } : {} }
        return voidForSession(parts, command)
      }
      const session = await cancelSession(parts, caller, request.params.id, voidTransaction, { effect: effectOf(request) })
      return showSession(parts, session) as never
    },
  )

  app.get(
    '/v1/sessions',
    {
      config: read,
      schema: {
        operationId: 'checkout_sessions_get',
        tags,
        summary: 'List sessions, newest first',
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Type.String({ description: 'The id of the last session of the page before.' })),
          id: List,
          search: Type.Optional(
            Type.String({ description: 'A merchant reference, or "first name last name". Case does not matter.' }),
          ),
          transaction_id: List,
          store_id: List,
          'created_at.gte': Type.Optional(Type.String()),
          'created_at.lte': Type.Optional(Type.String()),
          includes: List,
        }),
        response: responses({ 200: Type.Array(Session) }, 400, 401, 403),
      },
    },
    async ({ auth, query }, reply) => {
      const { account_id } = auth
      const includes = listed(query.includes)
      return answerPage(reply, await listSessions(parts, account_id, sessionFilter(query)), {
        view: (session) => showSession(parts, session, includes),
        read: ({ id }) => findSession(parts.sql, account_id, id, { events: true }),
      }) as never
    },
  )

  app.post(
    '/v1/sessions/payment-token',
    {
      config: write,
      preValidation: dropsEmpties(TokenSessionIn),
      schema: {
        operationId: 'checkout_payment_token_session_post',
        tags,
        summary: 'Create a session that makes a token and charges nothing',
        querystring: IncludeSession,
        body: TokenSessionIn,
        response: responses({ 200: Created }, 400, 401, 403),
      },
    },
    async (request) => created(await createTokenSession(parts, callerOf(request), request.body), request.query.include_session),
  )

  app.post(
    '/v1/sessions/:id/qr',
    {
      config: { ...write, idempotency: 'none' },
      schema: {
        operationId: 'checkout_session_qr_post',
        tags,
        summary: 'A QR code that opens the payment page',
        params: Id,
        body: QrIn,
        response: responses({ 200: Qr }, 400, 401, 403, 404),
      },
    },
    async ({ auth, params, body }) => {
      const { id } = await readSession(parts, auth.account_id, params.id)
      // Loaded by those who need it: it takes memory and time to start.
      const { default: QRCode } = await import('qrcode')
      const png = await QRCode.toBuffer(sessionUrl(parts, id), { type: 'png', width: body.size, margin: 2 })
      return { qr: png.toString('base64') }
    },
  )
}

/** How the last write of a request is committed: with its answer. */
function effectOf(request: FastifyRequest): Effect {
  return (work) => request.effect(work)
}

type ListQuery = {
  limit?: number
  starting_after?: string
  search?: string
  id?: string[]
  transaction_id?: string[]
  store_id?: string[]
  'created_at.gte'?: string
  'created_at.lte'?: string
}

function sessionFilter(query: ListQuery): SessionFilter {
  return {
    limit: query.limit ?? limits.page_size_default,
    starting_after: query.starting_after ?? null,
    id: listed(query.id) ?? null,
    search: query.search ?? null,
    transaction_id: listed(query.transaction_id) ?? null,
    store_id: listed(query.store_id) ?? null,
    created_at_gte: time(query, 'gte'),
    created_at_lte: time(query, 'lte'),
  }
}

function time(query: ListQuery, end: 'gte' | 'lte'): Date | null {
  const at = dateOf(query[`created_at.${end}`], end)
  if (at !== undefined) return at
  const path = `?created_at.${end}`
  const message = `${path} is not an ISO 8601 time.`
  throw new ApiError('invalid_request', message, { details: [{ path, message }] })
}
