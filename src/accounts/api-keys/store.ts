import { type Db, part } from '../../lib/db.ts'

/** An API key, without the key. */
export type ApiKeyRow = {
  id: string
  created_at: Date
  name: string | null
  updated_at: Date
  expires_at: Date | null
  deleted_by: string | null
  deleted_at: Date | null
}

const columns = () => part`id, created_at, name, updated_at, expires_at, deleted_by, deleted_at`

export async function insertApiKey(
  db: Db,
  key: { account_id: string; id: string; name: string | undefined; key_hash: Uint8Array; created_by: string; now: Date },
): Promise<ApiKeyRow> {
  const { account_id, id, name, key_hash, created_by, now } = key
  const [row] = await db<ApiKeyRow[]>`
    insert into accounts.api_keys (account_id, id, name, key_hash, created_at, created_by, updated_at)
    values (${account_id}, ${id}, ${name ?? null}, ${key_hash}, ${now}, ${created_by}, ${now})
    returning ${columns()}`
  return row!
}

/** A page, newest first, after the key `starting_after`. */
export async function listApiKeys(
  db: Db,
  page: { account_id: string; include_deleted: boolean; limit: number; starting_after: string | undefined },
): Promise<ApiKeyRow[]> {
  const { account_id, include_deleted, limit, starting_after = null } = page
  return db<ApiKeyRow[]>`
    select ${columns()} from accounts.api_keys
    where account_id = ${account_id} and (${include_deleted} or deleted_at is null)
      and (${starting_after}::text is null or (created_at, id) < (
        select a.created_at, a.id from accounts.api_keys a where a.account_id = ${account_id} and a.id = ${starting_after}))
    order by created_at desc, id desc
    limit ${limit}`
}

/** Ends a key; undefined when there is none. */
export async function deleteApiKey(db: Db, key: { account_id: string; id: string; deleted_by: string; now: Date }) {
  const { account_id, id, deleted_by, now } = key
  const [row] = await db<ApiKeyRow[]>`
    update accounts.api_keys set deleted_at = ${now}, deleted_by = ${deleted_by}, updated_at = ${now}
    where account_id = ${account_id} and id = ${id} and deleted_at is null
    returning ${columns()}`
  return row
}

/** Replaces the secret part of a key; undefined when there is none. */
export async function rotateApiKey(db: Db, key: { account_id: string; id: string; key_hash: Uint8Array; now: Date }) {
  const { account_id, id, key_hash, now } = key
  const [row] = await db<ApiKeyRow[]>`
    update accounts.api_keys set key_hash = ${key_hash}, updated_at = ${now}
    where account_id = ${account_id} and id = ${id} and deleted_at is null
    returning ${columns()}`
  return row
}

/** What a presented key is compared with; undefined when the key is gone. */
export async function findApiKeyHash(db: Db, account_id: string, id: string) {
  const [row] = await db<{ key_hash: Uint8Array; expires_at: Date | null }[]>`
    select key_hash, expires_at from accounts.api_keys where account_id = ${account_id} and id = ${id} and deleted_at is null`
  return row
}
