import { type Db, part } from '../../lib/db.ts'
import { limits } from '../../lib/limits.ts'

/** A client, without its secret's hash. */
export type ClientRow = {
  id: string
  created_at: Date
  created_by: string | null
  updated_at: Date
  deleted_at: Date | null
  deleted_by: string | null
  name: string | null
  description: string | null
  client_id: string
  callbacks: string[]
}

export type GrantRow = {
  id: string
  created_at: Date
  created_by: string | null
  updated_at: Date
  deleted_at: Date | null
  deleted_by: string | null
  client_id: string
  audience: string
  scope: string[]
  type: string
}

const clientColumns = () =>
  part`id, created_at, created_by, updated_at, deleted_at, deleted_by, name, description, client_id, callbacks`
const grantColumns = () => part`id, created_at, created_by, updated_at, deleted_at, deleted_by, client_id, audience, scope, type`

export async function listClients(db: Db, account_id: string): Promise<ClientRow[]> {
  return db<ClientRow[]>`
    select ${clientColumns()} from accounts.clients where account_id = ${account_id} and deleted_at is null
    order by created_at, id limit ${limits.clients_listed}`
}

export async function findClient(db: Db, account_id: string, id: string) {
  const [row] = await db<ClientRow[]>`
    select ${clientColumns()} from accounts.clients where account_id = ${account_id} and id = ${id} and deleted_at is null`
  return row
}

/** Undefined when the account has, or had, this `client_id`. */
export async function insertClient(
  db: Db,
  client: {
    account_id: string
    id: string
    client_id: string
    name: string | undefined
    description: string | undefined
    callbacks: string[]
    secret_hash: string
    created_by: string
    now: Date
  },
) {
  const { account_id, id, client_id, name, description, callbacks, secret_hash, created_by, now } = client
  const [row] = await db<ClientRow[]>`
    insert into accounts.clients
      (account_id, id, client_id, name, description, callbacks, secret_hash, created_at, created_by, updated_at)
    values (${account_id}, ${id}, ${client_id}, ${name ?? null}, ${description ?? null}, ${callbacks}, ${secret_hash}, ${now},
      ${created_by}, ${now})
    on conflict (account_id, client_id) do nothing
    returning ${clientColumns()}`
  return row
}

/** Ends a client and its grants; undefined when there is none. */
export async function deleteClient(db: Db, client: { account_id: string; id: string; deleted_by: string; now: Date }) {
  const { account_id, id, deleted_by, now } = client
  const [row] = await db<ClientRow[]>`
    with changed as (
      update accounts.clients set deleted_at = ${now}, deleted_by = ${deleted_by}, updated_at = ${now}
      where account_id = ${account_id} and id = ${id} and deleted_at is null
      returning *
    ), ended as (
      update accounts.grants g set deleted_at = ${now}, deleted_by = ${deleted_by}, updated_at = ${now}
      from changed where g.account_id = changed.account_id and g.client_id = changed.id and g.deleted_at is null
    )
    select ${clientColumns()} from changed`
  return row
}

/** Gives a client another secret, which ends the tokens of the one before; undefined when there is no client. */
export async function rotateSecret(db: Db, client: { account_id: string; id: string; secret_hash: string; now: Date }) {
  const { account_id, id, secret_hash, now } = client
  const [row] = await db<ClientRow[]>`
    update accounts.clients set secret_hash = ${secret_hash}, secret_version = secret_version + 1, updated_at = ${now}
    where account_id = ${account_id} and id = ${id} and deleted_at is null
    returning ${clientColumns()}`
  return row
}

/** The grants in force; of one client (by `id` or `client_id`) or one audience when given. */
export async function listGrants(
  db: Db,
  query: { account_id: string; client_id: string | undefined; audience: string | undefined },
): Promise<GrantRow[]> {
  const { account_id, client_id = null, audience = null } = query
  return db<GrantRow[]>`
    select ${grantColumns()} from accounts.grants
    where account_id = ${account_id} and deleted_at is null
      and (${audience}::text is null or audience = ${audience})
      and (${client_id}::text is null or client_id = ${client_id} or client_id in (
        select c.id from accounts.clients c where c.account_id = ${account_id} and c.client_id = ${client_id}))
    order by created_at, id limit ${limits.clients_listed}`
}

/**
 * Grants scopes to a client, named by its `id` or its `client_id`. No `client`: there is none. No `grant`: it has one for this
 * audience already.
 */
export async function insertGrant(
  db: Db,
  grant: {
    account_id: string
    id: string
    client_id: string
    audience: string
    scope: string[]
    type: string
    created_by: string
    now: Date
  },
): Promise<{ client: boolean; grant: GrantRow | undefined }> {
  const { account_id, id, client_id, audience, scope, type, created_by, now } = grant
  const rows = await db<(GrantRow & { is_grant: boolean })[]>`
    with client as (
      select c.id from accounts.clients c
      where c.account_id = ${account_id} and (c.id = ${client_id} or c.client_id = ${client_id}) and c.deleted_at is null
      order by (c.id = ${client_id}) desc limit 1
      for update
    ), changed as (
      insert into accounts.grants (account_id, id, client_id, audience, scope, type, created_at, created_by, updated_at)
      select ${account_id}, ${id}, client.id, ${audience}, ${scope}, ${type}, ${now}, ${created_by}, ${now} from client
      on conflict (account_id, client_id, audience, type) where deleted_at is null do nothing
      returning *
    )
    select changed.id is not null as is_grant, changed.* from client left join changed on true`
  const row = rows[0]
  if (!row?.is_grant) return { client: row !== undefined, grant: undefined }
  const { is_grant: _, account_id: __, ...found } = row as GrantRow & { is_grant: boolean; account_id: string }
  return { client: true, grant: found }
}

/** Ends a grant; undefined when there is none. */
export async function deleteGrant(db: Db, grant: { account_id: string; id: string; deleted_by: string; now: Date }) {
  const { account_id, id, deleted_by, now } = grant
  const [row] = await db<GrantRow[]>`
    update accounts.grants set deleted_at = ${now}, deleted_by = ${deleted_by}, updated_at = ${now}
    where account_id = ${account_id} and id = ${id} and deleted_at is null
    returning ${grantColumns()}`
  return row
}
