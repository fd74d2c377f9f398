import { timingSafeEqual } from 'node:crypto'
import type { Sql } from '../../lib/db.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Auth } from '../../lib/http.ts'
import type { Clock, Ids } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { createRefreshing } from '../cache.ts'
import { present } from '../clients/client.ts'
import type { Accounts } from '../operations.ts'
import { sha256 } from '../secret.ts'
import * as store from './store.ts'

/** Creates a key for the admin endpoints. Its text, `access_token`, is returned this once. */
export async function createApiKey({ sql, ids, clock }: Accounts, { account_id, subject }: Auth, name: string | undefined) {
  const id = ids.short(account_id)
  const { access_token, key_hash } = keyText(ids, id)
  const key = await store.insertApiKey(sql, { account_id, id, name, key_hash, created_by: subject, now: clock.now() })
  return { ...present(key), access_token }
}

/** Ends a key, within `limits.revocation_delay_ms`. `api_key_not_found` (404). */
export async function deleteApiKey({ sql, clock }: Accounts, { account_id, subject }: Auth, id: string) {
  return present(found(await store.deleteApiKey(sql, { account_id, id, deleted_by: subject, now: clock.now() }), id))
}

/** Gives a key another text; the old one ends. `api_key_not_found` (404). */
export async function rotateApiKey({ sql, ids, clock }: Accounts, { account_id }: Auth, id: string) {
  const { access_token, key_hash } = keyText(ids, id)
  return { ...present(found(await store.rotateApiKey(sql, { account_id, id, key_hash, now: clock.now() }), id)), access_token }
}

/**
 * Who calls with this `x-api-key`; undefined when it is not valid. The key is looked up by the account and id in its text, at most
 * once per `limits.revocation_delay_ms`.
 */
export function createApiKeyCheck(parts: { sql: Sql; clock: Clock }): (key: string) => Promise<Auth | undefined> {
  const { sql, clock } = parts
  const stored = createRefreshing((account_id, id) => store.findApiKeyHash(sql, account_id, id), {
    lifetime_ms: limits.revocation_delay_ms,
    entries_max: limits.clients_remembered,
  })
  return async (key) => {
    const [, id, account_id] = /^(([PT]\d{8})\.[A-Za-z0-9]{1,40})\.[\w-]{43}$/.exec(key) ?? []
    if (!id || !account_id) return undefined
    const matches = (known: Awaited<ReturnType<typeof stored>>) => known && timingSafeEqual(sha256(key), known.key_hash)
    const remembered = await stored(account_id, id)
    // It may have been created or rotated just now.
    const known = matches(remembered) ? remembered : await stored(account_id, id, performance.now())
    if (!known || !matches(known) || (known.expires_at && known.expires_at <= clock.now())) return undefined
    return { account_id, subject: `api-key:${id}`, scopes: ['admin:checkout'] }
  }
}

/** `{account}.{id}.{secret}`: carries what it takes to look it up by primary key. */
function keyText(ids: Ids, id: string): { access_token: string; key_hash: Uint8Array } {
  const access_token = `${id}.${ids.secret()}`
  return { access_token, key_hash: sha256(access_token) }
}

function found<T>(key: T | undefined, id: string): T {
  if (key === undefined) throw new ApiError('api_key_not_found', `There is no API key ${id}.`)
  return key
}
