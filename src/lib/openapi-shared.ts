import type { SwaggerTransform } from '@fastify/swagger'
import type { FastifyContextConfig, FastifySchema } from 'fastify'
import Type, { type TSchema } from 'typebox'
import { limits } from './limits.ts'
import { responses } from './schema.ts'

/** How a caller shows who he is, for the OpenAPI document. */
export const securitySchemes = {
  token: { type: 'http', scheme: 'bearer', description: 'An access token from `POST /v1/accounts/{oid}/auth/token`.' },
  api_key: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'A key of the account; admin endpoints only.' },
} as const

const Keyed = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      maxLength: limits.reference_length_max,
      description: 'The same key and body again give the first answer again; another body is refused with 422.',
    }),
  ),
})
const Versioned = Type.Object({
  'if-match': Type.Optional(
    Type.String({ description: 'The `ETag` of what was read: when it has changed since, nothing is done.' }),
  ),
})
const DryRun = Type.Object({
  dry_run: Type.Optional(Type.Boolean({ description: 'Says what would happen, and does nothing.' })),
})

/**
 * What every route of a kind has in common and no route repeats: who may call it, `Idempotency-Key`, `dry_run`, and the answers that the
 * server gives before or instead of the route. Only for the document: nothing is validated by it.
 */
export const describeRoute: SwaggerTransform = ({ schema = {}, url, route }) => {
  if (schema.hide) return { schema, url }
  const config = (route.config ?? {}) as FastifyContextConfig
  const writes = route.method === 'POST' || route.method === 'PUT'
  const keyed = writes && config.scopes !== undefined && config.idempotency !== 'none'
  const { response = {}, querystring, ...said } = schema as FastifySchema & { response?: Record<number, TSchema> }
  const versioned = 412 in response && url.includes('/shopping/')
  const shared = [...(keyed ? [Keyed] : []), ...(versioned ? [Versioned] : [])]
  const described = {
    ...schema,
    ...(shared.length > 0 ? { headers: shared.reduce<unknown>(merged, said.headers) } : {}),
    ...(config.scopes && route.method !== 'GET' && route.method !== 'HEAD' ? { querystring: merged(querystring, DryRun) } : {}),
    response: {
      ...responses({}, 400, ...(schema.body ? [413, 415] : []), ...(keyed ? [409, 422] : []), 500, 503),
      ...response,
    },
    ...(config.scopes ? { security: [{ token: [] }, ...(config.api_key ? [{ api_key: [] }] : [])] } : {}),
    ...(config.scopes ? { description: descriptionOf(schema, config.scopes) } : {}),
  }
  return { schema: described as FastifySchema, url }
}

function merged(one: unknown, other: { properties: Record<string, TSchema> }): unknown {
  const { properties = {} } = (one ?? {}) as { properties?: Record<string, TSchema> }
  return { type: 'object', ...(one as object | undefined), properties: { ...properties, ...other.properties } }
}

function descriptionOf({ description }: FastifySchema & { description?: string }, scopes: readonly string[]): string {
  const needed = `Needs ${scopes.map((scope) => `\`${scope}\``).join(' or ')}.`
  return description ? `${description}\n\n${needed}` : needed
}

/** What a status means, where the route does not say it. */
export const statusMeanings: Readonly<Record<string, string>> = {
  200: 'Done.',
  202:
    'The provider has not answered yet; the outcome will be an event of the transaction. ' +
    'The header `event-request-id`, where there is one, is the `correlation_request_id` of that event.',
  204: 'Done, and nothing to tell.',
  302: 'Go there.',
  400: 'The request is wrong, or a rule of the business refuses it; `error.errors[]` says what and where.',
  401: 'No valid access token.',
  403: 'The token lacks the scope, or belongs to another account.',
  404: 'There is nothing with this id.',
  409: 'Its state does not allow it, or something else is under way on it; the code of the error says which.',
  412: 'It has changed since it was read, or can not be locked now.',
  413: 'The body is too large.',
  415: 'The `content-type` is none; JSON is read under any name.',
  422: 'The `Idempotency-Key` was used for another request.',
  429: 'Too many requests; `Retry-After` says when to try again.',
  500: 'A fault of the server.',
  503: 'The server, or what it depends on, is not ready; try again.',
}
