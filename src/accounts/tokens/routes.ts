import formbody from '@fastify/formbody'
import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { responses, TextLike } from '../../lib/schema.ts'
import { listSigningKeys } from '../store.ts'
import { accountIdPattern, defaultAudience } from './audience.ts'
import { createTokenIssuer } from './operations.ts'
import { publicJwk } from './token.ts'

// Only Retry-After, on a refusal: how much is left is nothing that a client acts on.
const noHeaders = { 'x-ratelimit-limit': false, 'x-ratelimit-remaining': false, 'x-ratelimit-reset': false }

const TokenBody = Type.Object(
  {
    grant_type: Type.Enum(['client_credentials'], { description: 'The only grant that is served.' }),
    audience: Type.Optional(
      Type.String({
        maxLength: 2_000,
        description: 'A URL that names the account, on any host. Without it: the account of the path.',
      }),
    ),
  },
  { examples: [{ grant_type: 'client_credentials', audience: defaultAudience('T12345678') }] },
)

export const Token = Type.Object(
  {
    access_token: Type.String({ description: 'A JWT, signed with RS256. Opaque to clients.' }),
    token_type: Type.Literal('Bearer'),
    expires_in: Type.Integer({ description: 'Seconds.' }),
  },
  { title: 'Token', examples: [{ access_token: 'eyJ…', token_type: 'Bearer', expires_in: limits.token_lifetime_s }] },
)

/** The public part of a signing key (RFC 7517). */
const Jwk = Type.Object(
  { kty: Type.String(), kid: Type.String(), alg: Type.String(), use: Type.String(), n: Type.String(), e: Type.String() },
  { title: 'JWK' },
)

/** `POST /v1/accounts/{oid}/auth/token` (checkout-api §1.4) and the keys of its tokens (§1.5). */
export const tokenRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  const issueToken = createTokenIssuer(parts)
  // As RFC 6749 has it, and libraries for OAuth send it; the published clients send JSON.
  await app.register(formbody)
  await app.register(rateLimit, { global: false, addHeadersOnExceeding: noHeaders, addHeaders: noHeaders })
  const attempts = app.createRateLimit({
    max: limits.secret_attempts_per_minute,
    // Not the URL: a query, or another spelling of the path, would make it another key.
    keyGenerator: ({ ip, params, headers }) =>
      `${ip} ${(params as { oid: string }).oid} ${basicCredentials(headers.authorization).client_id}`,
  })
  const attemptsOfAddress = app.createRateLimit({ max: limits.secret_attempts_per_address_and_minute })

  async function countAttempt(request: FastifyRequest): Promise<void> {
    for (const limit of [attempts, attemptsOfAddress]) {
      const counted = await limit(request)
      if (counted.isAllowed || !counted.isExceeded) continue
      throw new ApiError(
        'too_many_requests',
        'Too many secrets that were not right before. Try again when Retry-After has passed.',
        {
          headers: { 'retry-after': String(counted.ttlInSeconds) },
        },
      )
    }
  }

  app.post(
    '/v1/accounts/:oid/auth/token',
    {
      config: { access: 'public', rateLimit: { max: limits.tokens_per_address_and_minute } },
      schema: {
        operationId: 'accounts_auth_token_post',
        tags: ['auth'],
        summary: 'Get an access token',
        description: 'Authorization: Basic base64(client_id:client_secret).',
        params: Type.Object({ oid: TextLike(accountIdPattern, 'P or T and eight digits, or three for a partner') }),
        body: TokenBody,
        response: responses({ 200: Token }, 400, 401, 403, 429),
      },
    },
    async (request, reply) => {
      const credentials = basicCredentials(request.headers.authorization)
      reply.header('cache-control', 'no-store')
      return issueToken({
        account_id: request.params.oid,
        ...credentials,
        audience: request.body.audience,
        countAttempt: () => countAttempt(request),
      })
    },
  )

  app.get(
    '/v1/accounts/:oid/auth/keys',
    {
      config: { scopes: ['admin:accounts', 'read:accounts'] },
      schema: {
        operationId: 'accounts_auth_keys_get',
        tags: ['auth'],
        summary: 'List the keys that verify access tokens',
        params: Type.Object({ oid: Type.String() }),
        response: responses({ 200: Type.Array(Jwk) }, 401, 403),
      },
    },
    async ({ auth }) => (await listSigningKeys(parts.sql, auth.account_id)).map(publicJwk),
  )
}

/** The `client_id:client_secret` of Basic authentication; 401 when it is missing or unreadable. */
function basicCredentials(header: string | undefined): { client_id: string; client_secret: string } {
  const encoded = /^basic +([\w+/=-]+) *$/i.exec(header ?? '')?.[1]
  const text = encoded === undefined ? '' : Buffer.from(encoded, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 1) {
    throw new ApiError('unauthorized', 'Send client_id and client_secret with Authorization: Basic.', {
      headers: { 'www-authenticate': 'Basic' },
    })
  }
  return { client_id: text.slice(0, colon), client_secret: text.slice(colon + 1) }
}
