import { byKey, type Db } from '../../lib/db.ts'
import { isUuid } from '../../lib/ids.ts'
import type { OperationRow } from './operation.ts'

/** One operation. The id may be any text from a path; what is no UUID names nothing. */
export async function findOperation(db: Db, account_id: string, id: string): Promise<OperationRow | undefined> {
  if (!isUuid(id)) return undefined
  const [row] = await byKey(db)<OperationRow[]>`
    select * from checkout.operations where account_id = ${account_id} and id = ${id}`
  return row
}

/** The payment of a transaction that is not settled yet: at the provider, on hold, or unknown. */
export async function findOpenPayment(db: Db, account_id: string, transaction_id: string): Promise<OperationRow | undefined> {
  const [row] = await db<OperationRow[]>`
    select * from checkout.operations
    where account_id = ${account_id} and transaction_id = ${transaction_id} and kind = 'authorize'
      and state not in ('succeeded', 'failed')`
  return row
}

const zero = '00000000-0000-0000-0000-000000000000'

/** A page of a transaction's operations, or of all that are not settled, by id. */
export async function listOperations(
  db: Db,
  page: { account_id: string; transaction_id: string | undefined; limit: number; starting_after: string | undefined },
): Promise<OperationRow[]> {
  const { account_id, transaction_id, limit, starting_after = zero } = page
  if (!isUuid(starting_after)) return []
  if (transaction_id === undefined) {
    // Found by when they are due, whatever page it is: by id, every operation there ever was would be read to find none.
    return db<OperationRow[]>`
      with due as materialized (
        select account_id, id from checkout.operations where next_attempt_at is not null and account_id = ${account_id})
      select o.* from (select * from due where id > ${starting_after} order by id limit ${limit}) page
      join checkout.operations o using (account_id, id)
      order by o.id`
  }
  return db<OperationRow[]>`
    select * from checkout.operations
    where account_id = ${account_id} and transaction_id = ${transaction_id} and id > ${starting_after}
    order by id limit ${limit}`
}

/** How many operations are not settled, and when the oldest began, by state. Of so many at most, those that are asked about first. */
export async function countOpenOperations(db: Db, most: number) {
  return db<{ state: OperationRow['state']; count: number; oldest: Date }[]>`
    select state, count(*)::int as count, min(created_at) as oldest
    from (
      select state, created_at from checkout.operations where next_attempt_at is not null order by next_attempt_at limit ${most}
    ) o
    group by state`
}

/** Lets the resolver ask about an operation at once. */
export async function hastenOperation(db: Db, { account_id, id, state }: OperationRow, now: Date): Promise<void> {
  await db`
    update checkout.operations set next_attempt_at = ${now}
    where account_id = ${account_id} and id = ${id} and state = ${state} and next_attempt_at > ${now}`
}

/**
 * Takes operations whose time has come, across accounts, and leases them; another process skips what is taken. None of these accounts and
 * gateways, which have their share under way.
 */
export async function claimOperations(
  db: Db,
  {
    now,
    lease_until,
    count,
    accounts,
    gateways,
  }: { now: Date; lease_until: Date; count: number; accounts: string[]; gateways: string[] },
): Promise<OperationRow[]> {
  return db<OperationRow[]>`
    update checkout.operations o
    set next_attempt_at = ${lease_until}, attempts = o.attempts + 1, updated_at = ${now}
    from (
      select account_id, id from checkout.operations
      where next_attempt_at <= ${now} and account_id <> all(${accounts}) and gateway <> all(${gateways})
      order by next_attempt_at
      limit ${count}
      for update skip locked
    ) due
    where o.account_id = due.account_id and o.id = due.id
    returning o.*`
}

/** Ends a payment that was called off. One that is settled is never changed. */
export async function endOperation(db: Db, { account_id, id }: OperationRow, reason: string, now: Date): Promise<void> {
  await db`
    update checkout.operations
    set state = 'failed', next_attempt_at = null, outcome = jsonb_build_object('reason', ${reason}::text), updated_at = ${now}
    where account_id = ${account_id} and id = ${id} and state not in ('succeeded', 'failed')`
}

/** Nothing more is to be done about an operation that succeeded. */
export async function finishOperation(db: Db, { account_id, id }: OperationRow): Promise<void> {
  await db`
    update checkout.operations set next_attempt_at = null
    where account_id = ${account_id} and id = ${id} and state = 'succeeded'`
}

/** Puts off the next question about an operation that still has no outcome; it may be known by now to be `unknown`. */
export async function postponeOperation(db: Db, operation: OperationRow, until: Date, state = operation.state): Promise<void> {
  await db`
    update checkout.operations
    set next_attempt_at = ${until}, state = ${state}
    where account_id = ${operation.account_id} and id = ${operation.id} and state = ${operation.state}
      and attempts = ${operation.attempts}`
}
