import { ApiError } from '../../lib/errors.ts'
import type { Auth } from '../../lib/http.ts'
import { type Accounts, assertScopes } from '../operations.ts'
import { hashSecret } from '../secret.ts'
import { audienceAccount, defaultAudience } from '../tokens/audience.ts'
import { type ClientBody, type GrantBody, present } from './client.ts'
import * as store from './store.ts'

/** Creates a client that may do nothing yet: a grant says what. Its secret is returned this once. `client_exists` (409). */
export async function addClient({ sql, ids, clock }: Accounts, { account_id, subject }: Auth, body: ClientBody) {
  const { name, description, callbacks = [] } = body
  const id = ids.uuid()
  const client_id = body.client_id ?? id
  const client_secret = ids.secret()
  const secret_hash = await hashSecret(client_secret, ids.secret())
  const change = { account_id, id, client_id, name, description, callbacks, secret_hash, created_by: subject, now: clock.now() }
  const client = await store.insertClient(sql, change)
  if (!client) {
    const message = `The account has, or had, a client ${client_id}. Choose another client_id.`
    throw new ApiError('client_exists', message, { details: [{ path: '/client_id', message, code: 'client_exists' }] })
  }
  return { ...present(client), client_secret }
}

/** Ends a client: it gets no more tokens, and the ones it has stop within `limits.revocation_delay_ms`. `client_not_found` (404). */
export async function deleteClient({ sql, clock }: Accounts, { account_id, subject }: Auth, id: string) {
  return present(found(await store.deleteClient(sql, { account_id, id, deleted_by: subject, now: clock.now() }), id))
}

/** Gives a client another secret; the old one and its tokens end. `client_not_found` (404). */
export async function rotateSecret({ sql, ids, clock }: Accounts, { account_id }: Auth, id: string) {
  const client_secret = ids.secret()
  const secret_hash = await hashSecret(client_secret, ids.secret())
  const client = found(await store.rotateSecret(sql, { account_id, id, secret_hash, now: clock.now() }), id)
  return { ...present(client), client_secret }
}

/**
 * Lets a client do `scope` on the account. `client_not_found` (404), `grant_exists` (409), `invalid_request` (400) for a scope that
 * does not follow the grammar or an audience that does not name the account.
 */
export async function addGrant({ sql, ids, clock }: Accounts, { account_id, subject }: Auth, body: GrantBody) {
  const { client_id, audience, type = 'any' } = body
  const scope = [...new Set(body.scope)]
  assertScopes(scope)
  if (audienceAccount(audience) !== account_id) {
    const message = `The audience must be a URL that ends in /v1/accounts/${account_id}.`
    const allowed = [defaultAudience(account_id)]
    throw new ApiError('invalid_request', message, {
      details: [{ path: '/audience', message, code: 'invalid_request', allowed }],
    })
  }
  const change = { account_id, id: ids.uuid(), client_id, audience, scope, type, created_by: subject, now: clock.now() }
  const { client, grant } = await store.insertGrant(sql, change)
  if (grant) return present(grant)
  if (client) throw new ApiError('grant_exists', 'The client has a grant for this audience. Delete it, then create this one.')
  const message = `There is no client ${client_id}.`
  throw new ApiError('client_not_found', message, { details: [{ path: '/client_id', message, code: 'client_not_found' }] })
}

/** Takes back what a grant gave, also from tokens that are out. `grant_not_found` (404). */
export async function deleteGrant({ sql, clock }: Accounts, { account_id, subject }: Auth, id: string) {
  const grant = await store.deleteGrant(sql, { account_id, id, deleted_by: subject, now: clock.now() })
  if (!grant) throw new ApiError('grant_not_found', `There is no grant ${id}.`)
  return present(grant)
}

/** The client, or `client_not_found` (404). */
export function found<T>(client: T | undefined, id: string): T {
  if (client === undefined) throw new ApiError('client_not_found', `There is no client ${id}.`)
  return client
}
