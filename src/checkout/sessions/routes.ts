import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { FreeObject, responses } from '../../lib/schema.ts'
import { SessionIn, SessionProfileIn } from './create.ts'
import { type Caller, type CreatedSession, createSession, readSession, showSession } from './operations.ts'
import { featureToggles, systemHeaders } from './session.ts'

const tags = ['sessions']
const write = { scopes: ['write:checkout'] }
const read = { scopes: ['read:checkout'] }
const Id = Type.Object({ id: Type.String() })
const Session = Type.Object({ id: Type.String(), order: FreeObject, events: Type.Array(FreeObject) }, { title: 'Session' })
const Created = Type.Object(
  { id: Type.String(), url: Type.String({ format: 'uri' }), session: Type.Optional(Session) },
  {
    examples: [{ id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm', url: 'http://localhost:8080/v1/view/T12345678.5cyWnV68vzJ1kYjZPrKWWm' }],
  },
)
const IncludeSession = Type.Object({ include_session: Type.Optional(Type.Boolean()) })
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
    include ? { id, url, session: showSession(parts, session) } : { id, url }

  app.post(
    '/v1/sessions-profile',
    {
      config: write,
      schema: {
        operationId: 'checkout_session_profile_post',
        tags,
        summary: 'Create a session from a profile',
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
      schema: {
        operationId: 'checkout_session_post',
        tags,
        summary: 'Create a session with its whole configuration',
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
}
