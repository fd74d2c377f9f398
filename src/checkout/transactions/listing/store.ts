import { type Db, part, plannedForValues } from '../../../lib/db.ts'
import { isSmall, newestFirst } from '../../../lib/list-window.ts'
import type { TransactionFilter } from '../list.ts'
import type { EventRow, TransactionRow } from '../transaction.ts'

/** What the list shows of a transaction. */
export type ListedTransaction = Pick<
  TransactionRow,
  | 'account_id'
  | 'id'
  | 'session_id'
  | 'event_count'
  | 'status'
  | 'settlement_status'
  | 'payment_product_type'
  | 'payment_operation'
  | 'currency'
  | 'amount'
  | 'merchant_reference'
  | 'merchant_reference_2'
  | 'payout_destination_id'
  | 'channel'
  | 'data'
  | 'created_at'
  | 'updated_at'
> & { events: EventRow[] }

/**
 * A page of transactions with their events, newest first, after the one named by `starting_after`; large ones without.
 *
 * What few have in common is looked up in the index of terms. What many may have in common is looked for among the newest first, and only
 * when these don't fill the page in that index, or in the one of ranges (status, amounts, times) where PostgreSQL expects few: no way reads
 * the whole account, for a page that is full or for one that is empty.
 */
export async function listTransactions(db: Db, account_id: string, f: TransactionFilter): Promise<ListedTransaction[]> {
  if (f.id) return find(db, account_id, f, part`t.id = any(${f.id})`)
  if (f.session_id) return find(db, account_id, f, part`t.session_id = any(${f.session_id})`)
  if (f.terms && f.telling) return find(db, account_id, f, hasTerm(f.terms))
  const planned = () => plannedForValues(walk(db, account_id, f))
  // Where the list ends is known, too: what is newest in it is no more likely to match.
  if (f.payout_correlation_id || (f.terms === null && f.ranged && f.created_at_gte)) return planned()
  if (f.terms === null && !f.ranged) return walk(db, account_id, f)
  const { terms } = f
  const newest = (count: number) => walkNewest(db, account_id, f, count)
  return newestFirst(f.limit, newest, terms ? () => find(db, account_id, f, hasTerm(terms)) : planned)
}

/** Along the index of time, from where the page starts; or what PostgreSQL thinks is better. */
function walk(db: Db, account_id: string, f: TransactionFilter) {
  return db<ListedTransaction[]>`
    select ${shown(f)}
    from checkout.transactions t
    where ${page(account_id, f)} ${matches(f)}
    order by t.created_at desc, t.id desc
    limit ${f.limit}`
}

/** The same among the next `count` only. */
function walkNewest(db: Db, account_id: string, f: TransactionFilter, count: number) {
  return db<ListedTransaction[]>`
    select ${shown(f)}
    from (
      select * from checkout.transactions t where ${page(account_id, f)} order by t.created_at desc, t.id desc limit ${count}
    ) t
    where true ${matches(f)}
    order by t.created_at desc, t.id desc
    limit ${f.limit}`
}

/**
 * Through the index of what narrows it: reads all of these. `offset 0` and `materialized` keep the planner from walking the index of time
 * instead, where it hopes to meet enough of them early.
 */
function find(db: Db, account_id: string, f: TransactionFilter, narrowed: ReturnType<typeof fragment>) {
  return db<ListedTransaction[]>`
    with found as materialized (
      select t.id, t.created_at
      from (select * from checkout.transactions t where t.account_id = ${account_id} and ${narrowed} offset 0) t
      where ${page(account_id, f)} ${matches(f)})
    select ${shown(f)}
    from (select id from found order by created_at desc, id desc limit ${f.limit}) wanted
    join checkout.transactions t on t.account_id = ${account_id} and t.id = wanted.id
    order by t.created_at desc, t.id desc`
}

/** True of a transaction `t` that has one of these terms (`searchTerm`, `columnTerm`), by the index `transactions_by_term`. */
export function hasTerm(terms: string[]) {
  return part`checkout.transaction_terms(t.account_id, t.search_terms, t.customer_id, t.store_id, t.terminal_id, t.token_id, t.currency,
    t.card_brand, t.payment_product_type, t.payment_operation, t.channel, t.amount) && ${terms}::text[]`
}

/** Only what is shown: every column costs its reading. Events as JSON of their own, for building jsonb takes three times as long. */
function shown({ limit }: TransactionFilter) {
  return part`
    t.account_id, t.id, t.session_id, t.event_count, t.status, t.settlement_status, t.payment_product_type, t.payment_operation,
    t.currency, t.amount, t.merchant_reference, t.merchant_reference_2, t.payout_destination_id, t.channel, t.created_at,
    t.updated_at, case when ${isSmall(part`t`, limit)} then t.data end as data, case when ${isSmall(part`t`, limit)} then (
      select coalesce(json_agg(x), '[]') from (
        select e.sequence, e.event, e.transaction_status, e.success, e.amount, e.request_id, e.correlation_request_id, e.data,
          e.created_at, e.created_by
        from checkout.transaction_events e
        where e.account_id = t.account_id and e.transaction_id = t.id
        order by e.sequence) x
    ) end as events`
}

/**
 * Whose, from when until when, and after which. Nothing is captured or refunded before it exists, so that these ends bound the
 * creation, too.
 */
function page(account_id: string, f: TransactionFilter) {
  const until = [f.created_at_lte, f.captured_at_lte, f.refunded_at_lte].flatMap((at) => (at === null ? [] : [at.getTime()]))
  const last = until.length === 0 ? null : new Date(Math.min(...until))
  const after =
    f.starting_after === null
      ? part``
      : part`and (t.created_at, t.id) < (
          select c.created_at, c.id from checkout.transactions c where c.account_id = ${account_id} and c.id = ${f.starting_after})`
  return part`
    t.account_id = ${account_id} and t.created_at >= coalesce(${f.created_at_gte}::timestamptz, '-infinity')
    and t.created_at <= coalesce(${last}::timestamptz, 'infinity') ${after}`
}

type Condition = { value: unknown; test: () => ReturnType<typeof fragment>; type: 'text' | 'text[]' | 'bigint' | 'timestamptz' }
const fragment = () => part``

/**
 * The filters of the page. With one filter at most the statement has only that; with more it has all of them, each true when it is not
 * asked for: so there are few statements to prepare, and the usual ones are short.
 */
function matches(f: TransactionFilter) {
  const all = conditions(f)
  const given = all.filter(({ value }) => value !== null)
  if (given.length <= 1) return given[0] ? part`and ${given[0].test()}` : part``
  return all.reduce(
    (before, { value, test, type }) => part`${before} and (${value as string}::${raw(type)} is null or ${test()})`,
    part``,
  )
}

const raw = (type: Condition['type']) =>
  ({ text: part`text`, 'text[]': part`text[]`, bigint: part`bigint`, timestamptz: part`timestamptz` })[type]

function conditions(f: TransactionFilter): Condition[] {
  const list = (value: string[] | null, test: Condition['test']): Condition => ({ value, test, type: 'text[]' })
  const text = (value: string | null, test: Condition['test']): Condition => ({ value, test, type: 'text' })
  const number = (value: number | null, test: Condition['test']): Condition => ({ value, test, type: 'bigint' })
  const time = (value: Date | null, test: Condition['test']): Condition => ({ value, test, type: 'timestamptz' })
  return [
    list(f.id, () => part`t.id = any(${f.id})`),
    list(f.session_id, () => part`t.session_id = any(${f.session_id})`),
    list(f.search_terms, () => part`t.search_terms && ${f.search_terms}::text[]`),
    text(f.merchant_reference, () => part`t.merchant_reference = ${f.merchant_reference}`),
    text(f.merchant_reference_2, () => part`t.merchant_reference_2 = ${f.merchant_reference_2}`),
    list(f.status, () => part`t.status = any(${f.status})`),
    list(f.payment_product, () => part`split_part(t.payment_product_type, '.', 1) = any(${f.payment_product})`),
    list(f.payment_product_type, () => part`t.payment_product_type = any(${f.payment_product_type})`),
    list(f.card_brand, () => part`lower(t.card_brand) = any(${f.card_brand})`),
    list(f.store_id, () => part`t.store_id = any(${f.store_id})`),
    list(f.payout_correlation_id, () => {
      const [first, ...more] = f.payout_correlation_id ?? []
      const id = part`t.data #>> '{metadata,payout_correlation_id}'`
      // Those of one are in the index in the order of the list.
      return more.length === 0 ? part`${id} = ${first ?? null}` : part`${id} = any(${f.payout_correlation_id})`
    }),
    list(f.currency, () => part`t.currency = any(${f.currency})`),
    list(f.token_id, () => part`t.token_id = any(${f.token_id})`),
    text(f.customer_id, () => part`t.customer_id = ${f.customer_id}`),
    text(f.payment_operation, () => part`t.payment_operation = ${f.payment_operation}`),
    text(
      f.payout_destination_id,
      () => part`(t.payout_destination_id = ${f.payout_destination_id} or jsonb_path_exists(
      t.data, '$.items[*].splits[*] ? (@.payout_destination_id == $id)', jsonb_build_object('id', ${f.payout_destination_id}::text)))`,
    ),
    text(f.terminal_id, () => part`t.terminal_id = ${f.terminal_id}`),
    text(f.channel, () => part`t.channel = ${f.channel}`),
    number(f.amount, () => part`t.amount = ${f.amount}`),
    number(f.amount_gte, () => part`t.amount >= ${f.amount_gte}`),
    number(f.amount_lte, () => part`t.amount <= ${f.amount_lte}`),
    time(f.captured_at_gte, () => part`t.captured_at >= ${f.captured_at_gte}`),
    time(f.captured_at_lte, () => part`t.captured_at <= ${f.captured_at_lte}`),
    time(f.refunded_at_gte, () => part`t.refunded_at >= ${f.refunded_at_gte}`),
    time(f.refunded_at_lte, () => part`t.refunded_at <= ${f.refunded_at_lte}`),
  ]
}
