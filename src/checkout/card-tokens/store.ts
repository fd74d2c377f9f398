import { type Db, json, part, plannedForValues } from '../../lib/db.ts'
import { newestFirst } from '../../lib/list-window.ts'
import { type CardTokenRow, failures_kept, type TokenUse } from './card-token.ts'

/**
 * CTEs that store the tokens of an authorization and tell of them, for the statement that writes it; they need its CTE `changed`.
 * A token that the provider gave before, also one that was deleted, is active again.
 */
export function storeCardTokens(account_id: string, tokens: readonly CardTokenRow[]) {
  return part`
    stored_tokens as (
      insert into checkout.card_tokens as k
      select n.* from jsonb_populate_recordset(null::checkout.card_tokens, ${json(tokens)}) n
      where exists (select from changed)
      on conflict (account_id, id) do update set
        version = k.version + 1, status = 'ACTIVE', transaction_id = excluded.transaction_id, masked_pan = excluded.masked_pan,
        token_expiry_date = excluded.token_expiry_date, pan_expiry_date = excluded.pan_expiry_date,
        customer_id = coalesce(excluded.customer_id, k.customer_id), failures = '{}', updated_at = excluded.updated_at,
        deleted_at = null, deleted_by = null
      returning k.id, k.version, k.updated_at
    ),
    told_tokens as (
      insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, created_at)
      select ${account_id}, 'card_token', id, version, case version when 1 then 'checkout_token_add' else 'checkout_token_update' end,
        updated_at
      from stored_tokens
    ),`
}

/** CTEs that count a payment with a token, for the statement that settles it; they need its CTE `changed`. */
export function recordTokenUse(account_id: string, use: TokenUse & { token_id: string; at: Date }) {
  return part`
    used_token as (
      update checkout.card_tokens k set
        failures = case when ${use.success} then '{}' else
          (k.failures || ${use.at}::timestamptz)[greatest(cardinality(k.failures) + 2 - ${failures_kept}::int, 1):] end,
        status = case when ${use.blocked} and k.status = 'ACTIVE' then 'SUSPENDED' else k.status end,
        version = k.version + case when ${use.blocked} and k.status = 'ACTIVE' then 1 else 0 end,
        updated_at = case when ${use.blocked} and k.status = 'ACTIVE' then ${use.at}::timestamptz else k.updated_at end
      where k.account_id = ${account_id} and k.id = ${use.token_id} and exists (select from changed)
        and (not ${use.success} or cardinality(k.failures) > 0)
      returning k.id, k.version, k.status
    ),
    told_use as (
      insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, created_at)
      select ${account_id}, 'card_token', id, version, 'checkout_token_update', ${use.at}::timestamptz
      from used_token where ${use.blocked} and status = 'SUSPENDED'
      on conflict do nothing
    ),`
}

/** One token, also a deleted one. */
export async function findCardToken(db: Db, account_id: string, id: string): Promise<CardTokenRow | undefined> {
  const [row] = await db<CardTokenRow[]>`select * from checkout.card_tokens where account_id = ${account_id} and id = ${id}`
  return row
}

export type TokenQuery = {
  customer_id?: string
  relationship_id?: string
  status?: string
  include_deleted?: boolean
  limit?: number
  starting_after?: string
}

/**
 * A page of tokens, newest first, after the one that `starting_after` names. Those of a status are looked for among the newest, and only
 * when these don't fill the page in the index of ranges, where PostgreSQL expects few. A customer has few.
 */
export async function listCardTokens(db: Db, account_id: string, query: Required<Pick<TokenQuery, 'limit'>> & TokenQuery) {
  const { customer_id, relationship_id, status, include_deleted, limit, starting_after } = query
  const page = part`
    k.account_id = ${account_id} ${customer_id === undefined ? part`` : part`and k.customer_id = ${customer_id}`}
    and (${starting_after ?? null}::text is null or (k.created_at, k.id) < (
      select a.created_at, a.id from checkout.card_tokens a where a.account_id = ${account_id} and a.id = ${starting_after ?? null}))`
  const ordered = part`order by k.account_id, k.created_at desc, k.id desc`
  const tokens = (source = part`checkout.card_tokens`) => db<CardTokenRow[]>`
    select * from ${source} k
    where ${page} ${status === undefined ? part`` : part`and k.status = ${status}`}
      and (${relationship_id ?? null}::text is null or k.relationship_id = ${relationship_id ?? null})
      and (${include_deleted ?? false} or ${status ?? ''} = 'DELETED' or k.deleted_at is null)
    ${ordered}
    limit ${limit}`
  if (status === undefined || customer_id !== undefined) return tokens()
  const newest = (count: number) => tokens(part`(select * from checkout.card_tokens k where ${page} ${ordered} limit ${count})`)
  return newestFirst<CardTokenRow>(limit, newest, () => plannedForValues(tokens()))
}

/** Marks a token as deleted and tells of it. Nothing when there is none; one that is deleted already stays as it is. */
export async function deleteCardToken(
  db: Db,
  { account_id, id, deleted_by, at }: { account_id: string; id: string; deleted_by: string; at: Date },
): Promise<CardTokenRow | undefined> {
  const [row] = await db<CardTokenRow[]>`
    with changed as (
      update checkout.card_tokens set status = 'DELETED', version = version + 1, deleted_at = ${at}, deleted_by = ${deleted_by},
        updated_at = ${at}
      where account_id = ${account_id} and id = ${id} and deleted_at is null
      returning *
    ),
    told as (
      insert into notifications.outbox (account_id, aggregate_type, aggregate_id, sequence, event, created_at)
      select account_id, 'card_token', id, version, 'checkout_token_delete', ${at} from changed
    )
    select * from changed`
  return row ?? findCardToken(db, account_id, id)
}
