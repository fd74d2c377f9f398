import { type Db, json } from '../lib/db.ts'
import type { SigningKey } from './tokens/token.ts'

/** What a token request is judged by: the client, what it was granted, and the key that signs. */
export type ClientCredentials = {
  id: string
  secret_hash: string
  secret_version: number
  scopes: string[]
  kid: string
  private_jwk: SigningKey['private_jwk']
}

/** What can end a token before its time. */
export type ClientState = { secret_version: number; scopes: string[] }

/** Inserts an account with its first signing key; false when the id is taken. */
export async function insertAccount(
  db: Db,
  account: { account_id: string; name: string | undefined; key: SigningKey; now: Date },
): Promise<boolean> {
  const { account_id, name, key, now } = account
  const rows = await db`
    with changed as (
      insert into accounts.accounts (account_id, name, created_at, updated_at)
      values (${account_id}, ${name ?? null}, ${now}, ${now})
      on conflict (account_id) do nothing
      returning account_id
    )
    insert into accounts.signing_keys (account_id, kid, private_jwk, created_at)
    select account_id, ${key.kid}, ${json(key.private_jwk)}, ${now} from changed
    returning account_id`
  return rows.length > 0
}

export async function findAccount(db: Db, account_id: string) {
  const [row] = await db<{ account_id: string; name: string | null; settings: Record<string, unknown> }[]>`
    select account_id, name, settings from accounts.accounts where account_id = ${account_id}`
  return row
}

/** All accounts, the oldest first. */
export function listAccounts(db: Db) {
  return db<{ account_id: string; name: string | null; created_at: Date }[]>`
    select account_id, name, created_at from accounts.accounts order by created_at, account_id`
}

/** The account that was made first on this database, for a start without settings. */
export async function findFirstAccount(db: Db): Promise<string | undefined> {
  const [row] = await db<{ account_id: string }[]>`
    select account_id from accounts.accounts order by created_at, account_id limit 1`
  return row?.account_id
}

/** One process at a time makes the first account; the lock ends with the database transaction. */
export async function lockFirstAccount(db: Db): Promise<void> {
  await db`select pg_advisory_xact_lock(5884290)`
}

/** The id of the account's first client that can still get tokens. */
export async function findAnyClient(db: Db, account_id: string): Promise<string | undefined> {
  const [row] = await db<{ client_id: string }[]>`
    select client_id from accounts.clients where account_id = ${account_id} and deleted_at is null order by created_at, id limit 1`
  return row?.client_id
}

/**
 * Inserts a client and its grant; false when the `client_id` is taken. With `replace`, a client that is there gets this secret
 * (which ends its tokens only when it is another one) and this grant, deleted or not.
 */
export async function insertClientAndGrant(
  db: Db,
  client: {
    account_id: string
    id: string
    client_id: string
    name: string | undefined
    secret_hash: string
    grant_id: string
    audience: string
    scopes: readonly string[]
    now: Date
    replace: boolean
  },
): Promise<boolean> {
  const { account_id, id, client_id, name, secret_hash, grant_id, audience, scopes, now, replace } = client
  const rows = await db`
    with changed as (
      insert into accounts.clients as c (account_id, id, client_id, name, secret_hash, created_at, updated_at)
      values (${account_id}, ${id}, ${client_id}, ${name ?? null}, ${secret_hash}, ${now}, ${now})
      on conflict (account_id, client_id) do update
        set secret_hash = excluded.secret_hash,
            secret_version = c.secret_version + (c.secret_hash <> excluded.secret_hash)::int,
            updated_at = excluded.updated_at, deleted_at = null, deleted_by = null
        where ${replace}
      returning account_id, id
    )
    insert into accounts.grants (account_id, id, client_id, audience, scope, type, created_at, updated_at)
    select account_id, ${grant_id}, id, ${audience}, ${scopes as string[]}, 'any', ${now}, ${now} from changed
    on conflict (account_id, client_id, audience, type) where deleted_at is null
      do update set scope = excluded.scope, updated_at = excluded.updated_at
    returning account_id`
  return rows.length > 0
}

export async function findClientCredentials(db: Db, account_id: string, client_id: string) {
  const [row] = await db<ClientCredentials[]>`
    select c.id, c.secret_hash, c.secret_version, k.kid, k.private_jwk,
           array(select distinct unnest(g.scope) from accounts.grants g
                 where g.account_id = c.account_id and g.client_id = c.id and g.deleted_at is null
                   and g.type in ('any', 'client_credentials') order by 1) as scopes
    from accounts.clients c
    cross join lateral (select kid, private_jwk from accounts.signing_keys s
                        where s.account_id = c.account_id order by created_at desc, kid limit 1) k
    where c.account_id = ${account_id} and c.client_id = ${client_id} and c.deleted_at is null`
  return row
}

/** What the token check re-reads; undefined when the client is gone. */
export async function findClientState(db: Db, account_id: string, client_id: string) {
  const [row] = await db<ClientState[]>`
    select c.secret_version,
           array(select distinct unnest(g.scope) from accounts.grants g
                 where g.account_id = c.account_id and g.client_id = c.id and g.deleted_at is null
                   and g.type in ('any', 'client_credentials') order by 1) as scopes
    from accounts.clients c
    where c.account_id = ${account_id} and c.client_id = ${client_id} and c.deleted_at is null`
  return row
}

export async function findSigningKey(db: Db, account_id: string, kid: string) {
  const [row] = await db<SigningKey[]>`
    select kid, private_jwk from accounts.signing_keys where account_id = ${account_id} and kid = ${kid}`
  return row
}

/** All keys whose tokens we accept, newest first. */
export async function listSigningKeys(db: Db, account_id: string): Promise<SigningKey[]> {
  return db<SigningKey[]>`
    select kid, private_jwk from accounts.signing_keys where account_id = ${account_id} order by created_at desc, kid`
}
