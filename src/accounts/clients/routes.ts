import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { responses } from '../../lib/schema.ts'
import { Client, ClientBody, ClientWithSecret, Grant, GrantBody, present } from './client.ts'
import { addClient, addGrant, deleteClient, deleteGrant, found, rotateSecret } from './operations.ts'
import { findClient, listClients, listGrants } from './store.ts'

const read = ['admin:accounts', 'read:accounts']
const write = ['admin:accounts', 'write:accounts']
// No Idempotency-Key where the answer holds a secret: the stored answer would hold it too.
const shown_once = { scopes: write, idempotency: 'none' as const }
const tags = ['auth']
const Oid = Type.Object({ oid: Type.String() })
const OidAndId = Type.Object({ oid: Type.String(), id: Type.String() })

/** API clients, `/v1/accounts/{oid}/auth/clients…` (checkout-api §1.5). */
export const clientRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  const { sql } = parts
  const schema = { tags, params: Oid }
  const one = { tags, params: OidAndId }

  app.get(
    '/v1/accounts/:oid/auth/clients',
    {
      config: { scopes: read },
      schema: {
        ...schema,
        operationId: 'accounts_auth_clients_get',
        summary: 'List API clients',
        response: responses({ 200: Type.Array(Client) }, 401, 403),
      },
    },
    async ({ auth }) => (await listClients(sql, auth.account_id)).map(present),
  )
  app.post(
    '/v1/accounts/:oid/auth/clients',
    {
      config: shown_once,
      schema: {
        ...schema,
        operationId: 'accounts_auth_clients_post',
        summary: 'Create an API client',
        description: 'The client may do nothing until it has a grant. Its secret is shown this once.',
        body: ClientBody,
        response: responses({ 200: ClientWithSecret }, 400, 401, 403, 409),
      },
    },
    async ({ auth, body }) => addClient(parts, auth, body),
  )
  app.get(
    '/v1/accounts/:oid/auth/clients/:id',
    {
      config: { scopes: read },
      schema: {
        ...one,
        operationId: 'accounts_auth_clients_id_get',
        summary: 'Get an API client',
        response: responses({ 200: Client }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => present(found(await findClient(sql, auth.account_id, params.id), params.id)),
  )
  app.delete(
    '/v1/accounts/:oid/auth/clients/:id',
    {
      config: { scopes: write },
      schema: {
        ...one,
        operationId: 'accounts_auth_clients_id_delete',
        summary: 'Delete an API client',
        description: 'Its tokens stop working within two seconds.',
        response: responses({ 200: Client }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => deleteClient(parts, auth, params.id),
  )
  app.post(
    '/v1/accounts/:oid/auth/clients/:id/rotate-secret',
    {
      config: shown_once,
      schema: {
        ...one,
        operationId: 'accounts_auth_clients_id_rotate_secret_post',
        summary: 'Give an API client another secret',
        description: 'The old secret stops at once, the tokens it got within two seconds.',
        response: responses({ 200: ClientWithSecret }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => rotateSecret(parts, auth, params.id),
  )
}

/** What clients may do, `/v1/accounts/{oid}/auth/client-grants…` (checkout-api §1.5). */
export const grantRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  app.get(
    '/v1/accounts/:oid/auth/client-grants',
    {
      config: { scopes: read },
      schema: {
        tags,
        params: Oid,
        operationId: 'accounts_auth_client_grants_get',
        summary: 'List grants',
        querystring: Type.Object({ audience: Type.Optional(Type.String()), client_id: Type.Optional(Type.String()) }),
        response: responses({ 200: Type.Array(Grant) }, 401, 403),
      },
    },
    async ({ auth, query: { audience, client_id } }) =>
      (await listGrants(parts.sql, { account_id: auth.account_id, audience, client_id })).map(present),
  )
  app.post(
    '/v1/accounts/:oid/auth/client-grants',
    {
      config: { scopes: write },
      schema: {
        tags,
        params: Oid,
        operationId: 'accounts_auth_client_grants_post',
        summary: 'Grant scopes to an API client',
        body: GrantBody,
        response: responses({ 200: Grant }, 400, 401, 403, 404, 409),
      },
    },
    async ({ auth, body }) => addGrant(parts, auth, body),
  )
  app.delete(
    '/v1/accounts/:oid/auth/client-grants/:id',
    {
      config: { scopes: write },
      schema: {
        tags,
        params: OidAndId,
        operationId: 'accounts_auth_client_grants_id_delete',
        summary: 'Take a grant back',
        description: 'Tokens that are out lose its scopes within two seconds.',
        response: responses({ 200: Grant }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => deleteGrant(parts, auth, params.id),
  )
  app.post(
    '/v1/accounts/:oid/auth/revoke',
    {
      config: { scopes: [...write, 'create:accounts:auth:refresh_token'] },
      schema: {
        tags,
        params: Oid,
        operationId: 'accounts_auth_revoke_post',
        summary: 'Revoke a refresh token',
        description:
          'Kvitt issues none, so none is in force afterwards. To end access tokens, delete the client or rotate its secret.',
        body: Type.Unsafe({ type: ['object', 'null'], properties: { refresh_token: Type.String() } }),
        response: responses({ 200: Type.Object({}) }, 401, 403),
      },
    },
    async () => ({}),
  )
}
