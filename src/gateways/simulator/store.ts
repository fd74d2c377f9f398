import { type Db, json, part, type Sql } from '../../lib/db.ts'
import { together } from '../../lib/together.ts'
import type { CardDetails } from '../gateway.ts'
import type { Habit } from './cards.ts'
import type { Script } from './faults.ts'
import type { FollowUpCall, FollowUpKind } from './follow-up.ts'
import type { Movement, Payment } from './payment.ts'

/** A stored card. */
export type Token = { token: string; type: 'payment_token' | 'recurrence_token' }

/**
 * Writes a payment with its authorization and tokens: one statement. With `plainly`, only when the account has no script and the
 * key is new; nothing is returned otherwise. A key that another call is just now writing is a unique violation.
 */
export async function insertPayment(
  db: Db,
  {
    payment,
    movement,
    tokens,
    plainly,
    now,
  }: { payment: Payment; movement: Movement; tokens: Token[]; plainly: boolean; now: Date },
): Promise<boolean> {
  const { account_id } = payment
  const rows = await together(db)`
    with changed as (
      insert into simulator.payments (account_id, transaction_id, id, session_id, merchant_reference, payment_product_type, currency,
        amount, authorized, captured, state, is_final, habit, masked_pan, created_at)
      select ${account_id}, ${payment.transaction_id}, ${payment.id}, ${payment.session_id}, ${payment.merchant_reference},
        ${payment.payment_product_type}, ${payment.currency}, ${payment.amount}::bigint, ${payment.authorized}::bigint,
        ${payment.captured}::bigint, ${payment.state}, ${payment.is_final}::boolean, ${payment.habit}, ${payment.masked_pan},
        ${now}::timestamptz
      where not ${plainly}::boolean
        or (not exists (select from simulator.scripts where account_id = ${account_id})
          and not exists (select from simulator.movements
            where account_id = ${account_id} and idempotency_key = ${movement.idempotency_key}))
      returning id
    )${tokens.length > 0 ? part`, stored as (${insertTokens(payment, movement, tokens, now)})` : part``}
    insert into simulator.movements (account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered,
      known_at, released, detail, created_at, settled_at)
    select ${account_id}, ${movement.idempotency_key}, ${movement.transaction_id}, changed.id, 'authorize', ${movement.amount}::bigint,
      ${movement.currency}, ${movement.state}, ${movement.answered}, ${movement.known_at}::timestamptz, 0, ${json(movement.detail)},
      ${now}::timestamptz, case when ${movement.state} in ('succeeded', 'failed') then ${now}::timestamptz end
    from changed
    returning payment_id`
  return rows.length === 1
}

/** CTE that stores the tokens of a payment. */
function insertTokens({ account_id, habit }: Payment, { detail }: Movement, tokens: readonly Token[], now: Date) {
  return part`
    insert into simulator.tokens (account_id, token, type, payment_id, card, habit, created_at)
    select ${account_id}, t.token, t.type, changed.id, ${json(detail.card ?? {})}::jsonb, ${habit}, ${now}::timestamptz
    from changed, jsonb_to_recordset(${json(tokens)}) as t (token text, type text)`
}

/**
 * The ordinary capture, refund or void in one statement: no script on the account, a new key, an ordinary payment, enough money
 * left. Returns the payment's id, or nothing when any of that is not so: then the slow way finds out which.
 */
export async function movePlainly(sql: Sql, kind: FollowUpKind, call: FollowUpCall, now: Date): Promise<string | undefined> {
  const { account_id, amount } = call
  const rows = await together(sql)<{ payment_id: string }[]>`
    with changed as (
      update simulator.payments set
        captured = captured + case when ${kind} = 'capture' then ${amount}::bigint else 0 end,
        refunded = refunded + case when ${kind} = 'refund' then ${amount}::bigint else 0 end,
        voided = voided + case when ${kind} = 'void' then ${amount}::bigint else 0 end
      where account_id = ${account_id} and transaction_id = ${call.transaction_id}
        and id = coalesce(${call.gateway_reference ?? null}, id)
        and payment_product_type = ${call.payment_product_type} and currency = ${call.currency}
        and state = 'authorized' and is_final and habit is null and ${amount}::bigint > 0
        and case ${kind}
          when 'capture' then authorized - captured - voided >= ${amount}::bigint
          when 'refund' then captured - refunded >= ${amount}::bigint
          when 'void' then captured = 0 and authorized - voided = ${amount}::bigint
          else false end
        and not exists (select from simulator.scripts where account_id = ${account_id})
        and not exists (select from simulator.movements
          where account_id = ${account_id} and idempotency_key = ${call.idempotency_key})
      returning id
    )
    insert into simulator.movements (account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered,
      detail, created_at, settled_at)
    select ${account_id}, ${call.idempotency_key}, ${call.transaction_id}, id, ${kind}, ${amount}::bigint, ${call.currency}, 'succeeded',
      'succeeded', '{}', ${now}::timestamptz, ${now}::timestamptz
    from changed
    returning payment_id`
  return rows[0]?.payment_id
}

/** The movement with this key. */
export async function findMovement(db: Db, account_id: string, idempotency_key: string): Promise<Movement | undefined> {
  const [row] = await db<Movement[]>`
    select account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered, known_at, released, detail
    from simulator.movements where account_id = ${account_id} and idempotency_key = ${idempotency_key}`
  return row
}

/** Takes the key of an authorization that has not arrived, so that it never will. False when it has arrived after all. */
export async function insertCalledOff(db: Db, account_id: string, idempotency_key: string, now: Date): Promise<boolean> {
  const { count } = await db`
    insert into simulator.movements (account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered,
      detail, created_at, settled_at)
    values (${account_id}, ${idempotency_key}, '', '', 'authorize', 0, '', 'failed', 'failed',
      '{"called_off": true}', ${now}, ${now})
    on conflict (account_id, idempotency_key) do nothing`
  return count === 1
}

/** The movement with this key, locked, and counted as asked for `calls` times more. */
export async function lockMovement(
  db: Db,
  account_id: string,
  idempotency_key: string,
  calls: 0 | 1,
): Promise<Movement | undefined> {
  const [row] = await db<Movement[]>`
    update simulator.movements set calls = calls + ${calls}::int
    where account_id = ${account_id} and idempotency_key = ${idempotency_key}
    returning account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered, known_at, released, detail`
  return row
}

/** Adds a movement, and writes the payment's totals with it. */
export async function insertMovement(db: Db, movement: Movement, payment: Payment | undefined, now: Date): Promise<void> {
  await together(db)`
    with changed as (${updatePayment(payment)})
    insert into simulator.movements (account_id, idempotency_key, transaction_id, payment_id, kind, amount, currency, state, answered,
      known_at, released, detail, created_at, settled_at)
    values (${movement.account_id}, ${movement.idempotency_key}, ${movement.transaction_id}, ${movement.payment_id}, ${movement.kind},
      ${movement.amount}, ${movement.currency}, ${movement.state}, ${movement.answered}, ${movement.known_at}, ${movement.released},
      ${json(movement.detail)}, ${now}, ${movement.state === 'succeeded' || movement.state === 'failed' ? now : null})`
}

/** Settles a movement that was waiting, held, late or lost, and writes the payment's totals with it. A settled one stays as it is. */
export async function updateMovement(db: Db, movement: Movement, payment: Payment | undefined, now: Date): Promise<void> {
  await together(db)`
    with changed as (${updatePayment(payment)})
    update simulator.movements set payment_id = ${movement.payment_id}, state = ${movement.state}, known_at = ${movement.known_at},
      released = ${movement.released}, detail = ${json(movement.detail)},
      settled_at = ${movement.state === 'succeeded' || movement.state === 'failed' ? now : null}
    where account_id = ${movement.account_id} and idempotency_key = ${movement.idempotency_key}
      and state not in ('succeeded', 'failed')`
}

function updatePayment(payment: Payment | undefined) {
  return part`
    update simulator.payments set amount = ${payment?.amount ?? 0}, authorized = ${payment?.authorized ?? 0},
      captured = ${payment?.captured ?? 0}, refunded = ${payment?.refunded ?? 0}, voided = ${payment?.voided ?? 0},
      state = ${payment?.state ?? 'failed'}, is_final = ${payment?.is_final ?? true}
    where account_id = ${payment?.account_id ?? ''} and transaction_id = ${payment?.transaction_id ?? ''} and id = ${payment?.id ?? ''}
    returning id`
}

type PaymentKey = { account_id: string; transaction_id: string; id: string | undefined }

/** The payment a call is about, locked: the one it names, else the transaction's newest that did not fail. */
export async function lockPayment(db: Db, key: PaymentKey): Promise<Payment | undefined> {
  const [row] = await db<Payment[]>`${payment(key)} for update`
  return row
}

/** The same payment, not locked: only what never changes about it may be used. */
export async function findPayment(db: Db, key: PaymentKey): Promise<Payment | undefined> {
  const [row] = await db<Payment[]>`${payment(key)}`
  return row
}

function payment({ account_id, transaction_id, id }: PaymentKey) {
  return part`
    select account_id, transaction_id, id, session_id, merchant_reference, payment_product_type, currency, amount, authorized, captured,
      refunded, voided, state, is_final, habit, masked_pan
    from simulator.payments
    where account_id = ${account_id} and transaction_id = ${transaction_id} and id = coalesce(${id ?? null}, id)
    order by (state = 'failed'), created_at desc limit 1`
}

/** A stored card, with the habits of the card it stands for; known only to the product that made it. */
export async function findToken(
  db: Db,
  { account_id, token, payment_product_type }: { account_id: string; token: string; payment_product_type: string },
): Promise<{ type: Token['type']; card: CardDetails; habit: Habit | null } | undefined> {
  const [row] = await db<{ type: Token['type']; card: CardDetails; habit: Habit | null }[]>`
    select t.type, t.card, t.habit
    from simulator.tokens t
    join simulator.movements m on m.account_id = t.account_id and m.idempotency_key = t.payment_id
    join simulator.payments p on p.account_id = m.account_id and p.transaction_id = m.transaction_id and p.id = m.payment_id
    where t.account_id = ${account_id} and t.token = ${token} and p.payment_product_type = ${payment_product_type}`
  return row
}

/** The account's script, if it has one. */
export async function findScript(
  db: Db,
  account_id: string,
): Promise<{ script: Script; counters: Record<string, number> } | undefined> {
  const [row] = await db<{ script: Script; counters: Record<string, number> }[]>`
    select script, counters from simulator.scripts where account_id = ${account_id}`
  return row
}

/** Counts one more call for each of these rules; returns all counters. */
export async function countRules(db: Db, account_id: string, rules: number[]): Promise<Record<string, number>> {
  const [row] = await db<{ counters: Record<string, number> }[]>`
    update simulator.scripts set counters = counters || (
      select coalesce(jsonb_object_agg(n, coalesce((counters ->> n)::int, 0) + 1), '{}') from unnest(${rules.map(String)}::text[]) as n)
    where account_id = ${account_id}
    returning counters`
  return row?.counters ?? {}
}

/** How many calls of this kind went before on the transaction. */
export async function countEarlier(db: Db, account_id: string, transaction_id: string, kind: string): Promise<number> {
  const [row] = await db<{ earlier: number }[]>`
    select count(*)::int as earlier from simulator.movements
    where account_id = ${account_id} and transaction_id = ${transaction_id} and kind = ${kind}`
  return row!.earlier
}

/** A script in place of the one before; the counters begin anew. */
export async function upsertScript(db: Db, account_id: string, script: Script, now: Date): Promise<void> {
  await db`
    insert into simulator.scripts (account_id, script, updated_at) values (${account_id}, ${json(script)}, ${now})
    on conflict (account_id) do update set script = excluded.script, counters = '{}', updated_at = excluded.updated_at`
}

/** Takes the script away, and returns it. */
export async function deleteScript(
  db: Db,
  account_id: string,
): Promise<{ script: Script; counters: Record<string, number> } | undefined> {
  const [row] = await db<{ script: Script; counters: Record<string, number> }[]>`
    delete from simulator.scripts where account_id = ${account_id} returning script, counters`
  return row
}

export type BookQuery = { transaction_id?: string; merchant_reference?: string; limit?: number; starting_after?: string }
export type BookRow = Movement & {
  sequence: number
  calls: number
  created_at: Date
  settled_at: Date | null
  merchant_reference: string | null
  payment_product_type: string | null
}

/** A page of the book, oldest first. */
export async function listMovements(db: Db, account_id: string, query: BookQuery): Promise<BookRow[]> {
  const { transaction_id, merchant_reference, limit = 100, starting_after = '0' } = query
  return db<BookRow[]>`
    select m.*, p.merchant_reference, p.payment_product_type
    from simulator.movements m
    left join simulator.payments p
      on p.account_id = m.account_id and p.transaction_id = m.transaction_id and p.id = m.payment_id
    where m.account_id = ${account_id} and m.sequence > ${Number(starting_after)}
      ${transaction_id === undefined ? part`` : part`and m.transaction_id = ${transaction_id}`}
      ${merchant_reference === undefined ? part`` : part`and p.merchant_reference = ${merchant_reference}`}
    order by m.sequence limit ${limit}`
}

/** The payments of these transactions, with their totals. */
export async function listPayments(db: Db, account_id: string, transaction_ids: string[]): Promise<Payment[]> {
  return db<Payment[]>`
    select account_id, transaction_id, id, session_id, merchant_reference, payment_product_type, currency, amount, authorized, captured,
      refunded, voided, state, is_final, habit, masked_pan
    from simulator.payments where account_id = ${account_id} and transaction_id = any(${transaction_ids})
    order by created_at, id`
}
