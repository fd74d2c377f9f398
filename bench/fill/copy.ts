/*
 * Terminology
 *
 * - template: the rows that one real walk left behind
 * - swap: one text of a template (an id, a name, its second) and what stands there in a copy
 */
import { type Db, json, type Sql } from '../../src/lib/db.ts'
import { systemIds } from '../../src/lib/ids.ts'
import type { Template } from './templates.ts'

/** Every table that a walk leaves rows in, and the column by which they are found. Events come before what keeps their last hash. */
const tables: { name: string; key: string; hash?: 'chain' | string; order?: string; kept_days?: number; fresh?: string }[] = [
  { name: 'orders.draft_events', key: 'draft_id', hash: 'chain', order: 'version' },
  {
    name: 'orders.drafts',
    key: 'id',
    hash: 'select e.hash from orders.draft_events e where e.draft_id = x.id and e.version = x.version',
  },
  { name: 'orders.order_events', key: 'order_uuid', hash: 'chain', order: 'version' },
  {
    name: 'orders.orders',
    key: 'id',
    hash: 'select e.hash from orders.order_events e where e.order_uuid = x.id and e.version = x.version',
  },
  { name: 'orders.names', key: 'order_uuid' },
  { name: 'orders.order_lines', key: 'order_uuid' },
  { name: 'orders.order_authorizations', key: 'order_uuid' },
  { name: 'orders.order_stores', key: 'order_uuid' },
  { name: 'checkout.session_events', key: 'session_id', hash: 'chain', order: 'sequence' },
  {
    name: 'checkout.sessions',
    key: 'id',
    hash: 'select e.hash from checkout.session_events e where e.session_id = x.id and e.sequence = x.event_count',
  },
  { name: 'checkout.transaction_events', key: 'transaction_id', hash: 'chain', order: 'sequence' },
  {
    name: 'checkout.transactions',
    key: 'id',
    hash: 'select e.hash from checkout.transaction_events e where e.transaction_id = x.id and e.sequence = x.event_count',
  },
  { name: 'checkout.operations', key: 'transaction_id' },
  { name: 'checkout.card_tokens', key: 'transaction_id' },
  { name: 'simulator.payments', key: 'transaction_id' },
  { name: 'simulator.movements', key: 'transaction_id' },
  { name: 'simulator.tokens', key: 'token' },
  // These are not kept for ever (limits.events_kept_s, limits.delivered_kept_s).
  { name: 'notifications.outbox', key: 'aggregate_id', kept_days: 89 },
  { name: 'notifications.deliveries', key: 'aggregate_id', kept_days: 29, fresh: 'id' },
]
/** Emptied before a filling, beside those. */
const emptied = ['checkout.settlements', 'checkout.settlement_items', 'checkout.settlement_accounts', 'notifications.feeds']
/** Rows of these belong to no walk. */
const apart =
  /^(accounts|fill|floor)\.|^checkout\.(profiles|account_conf|settle|report)|^orders\.serials|feeds|endpoints|subscriptions|scripts/

const hashed: Record<string, string> = {
  'checkout.transaction_events': `jsonb_build_array(x.sequence, x.event, x.transaction_status, x.success, x.amount, x.request_id,
    x.correlation_request_id, x.operation_id, x.data, x.created_at, x.created_by)`,
}
const templateTable = (name: string) => `fill."${name}"`

export type Copier = { account_id: string; insert: Map<string, string>; swaps: string[]; templates: readonly Loaded[] }
type Loaded = Template & { number: number; told: number }

/** Keeps the templates' rows aside in the schema `fill`, and writes the statements that copy them. */
export async function loadTemplates(sql: Sql, account_id: string, walks: readonly Template[]): Promise<Copier> {
  await sql`drop schema if exists fill cascade`
  await sql`create schema fill`
  await sql.unsafe(`
    create function fill.link(bytea, bytea) returns bytea language sql immutable parallel safe as 'select sha256($1 || $2)';
    create aggregate fill.chain(bytea) (sfunc = fill.link, stype = bytea, initcond = '');
    create table fill.templates (template int, old jsonb, weight float8);
    create table fill.ids (template int, id text);
    create unlogged table fill.batch (n bigint, template int, shift interval, at timestamptz, position bigint, new text[])`)
  for (const [number, walk] of walks.entries()) {
    const old = {
      ...walk.old,
      ...(await laterIds(sql, account_id, walk.old.transaction!)),
      second: walk.second,
      tomorrow: tomorrow(walk.second),
    }
    await sql`insert into fill.templates values (${number}, ${json(old)}, ${walk.weight})`
    const ids = Object.entries(old).flatMap(([name, id]) =>
      /^(draft|order_uuid|session|transaction|token|token_id)$/.test(name) ? [id] : [],
    )
    await sql`insert into fill.ids select ${number}, unnest(${ids}::text[])`
  }
  for (const { name, key } of tables) {
    await sql.unsafe(`create table ${templateTable(name)} as select i.template, x.* from ${name} x join fill.ids i on i.id = x.${key}::text
      where x.account_id = '${account_id}'`)
  }
  await assertNothingLeft(sql, account_id)
  await sql.unsafe(`
    update ${templateTable('notifications.deliveries')} d set position = r.rank
    from (select template, position, rank() over (partition by template order by position) as rank from ${templateTable('notifications.outbox')}) r
    where r.template = d.template and r.position = d.position;
    update ${templateTable('notifications.outbox')} o set position = r.rank
    from (select template, position, rank() over (partition by template order by position) as rank from ${templateTable('notifications.outbox')}) r
    where r.template = o.template and r.position = o.position`)
  return statementsFor(sql, account_id)
}

/** The statements that copy the templates that are kept in the database. */
export async function statementsFor(sql: Sql, account_id: string): Promise<Copier> {
  const kept = await sql<{ template: number; old: Record<string, string>; weight: number }[]>`
    select template, old, weight from fill.templates order by template`
  const loaded: Loaded[] = kept.map(({ template, old, weight }) => ({
    old,
    weight,
    number: template,
    told: 0,
    second: old.second!,
  }))
  const swaps = [...new Set(loaded.flatMap(({ old }) => Object.keys(old)))]
  const olds = swaps.map((name) => `coalesce(old->>'${name}', '')`)
  await sql.unsafe(
    `drop table if exists fill.olds; create table fill.olds as select template, array[${olds}] as old from fill.templates`,
  )
  const told = await sql.unsafe<{ template: number; count: number }[]>(
    `select template, count(*)::int as count from ${templateTable('notifications.outbox')} group by 1`,
  )
  for (const { template, count } of told) loaded[template]!.told = count
  const insert = new Map<string, string>()
  for (const table of tables) insert.set(table.name, await copyStatement(sql, table))
  return { account_id, insert, swaps, templates: loaded }
}

/** The ids that a walk's answers don't show. */
async function laterIds(sql: Sql, account_id: string, transaction: string): Promise<Record<string, string>> {
  const operations = await sql<{ id: string }[]>`
    select id from checkout.operations where account_id = ${account_id} and transaction_id = ${transaction} order by created_at, id`
  const payments = await sql<{ id: string }[]>`
    select id from simulator.payments where account_id = ${account_id} and transaction_id = ${transaction}`
  const tokens = await sql<{ id: string; token: string }[]>`
    select id, token from checkout.card_tokens where account_id = ${account_id} and transaction_id = ${transaction}`
  return {
    ...Object.fromEntries(operations.map(({ id }, index) => [`operation_${index}`, id])),
    ...Object.fromEntries(payments.map(({ id }, index) => [`payment_${index}`, id])),
    ...(tokens[0] ? { token_id: tokens[0].id, token: tokens[0].token } : {}),
  }
}

const tomorrow = (second: string) => new Date(Date.parse(`${second}Z`) + 86_400_000).toISOString().slice(0, 19)

/** A table that a walk writes to and that is not copied would make the filled account unlike a real one. */
async function assertNothingLeft(sql: Sql, account_id: string): Promise<void> {
  const all = await sql<{ name: string }[]>`
    select table_schema || '.' || table_name as name from information_schema.columns
    where column_name = 'account_id' and table_schema not in ('fill', 'accounts')`
  for (const { name } of all.filter((table) => !apart.test(table.name))) {
    const table = tables.find((one) => one.name === name)
    const copied = table ? `and ${table.key}::text not in (select id from fill.ids)` : ''
    const [row] = await sql.unsafe<{ count: number }[]>(
      `select count(*)::int as count from ${name} where account_id = '${account_id}' ${copied}`,
    )
    if (row!.count > 0)
      throw new Error(`${row!.count} rows of ${name} belong to no template. Add the table, or its key, to bench/fill/copy.ts.`)
  }
}

/** `insert … select` of one table's rows for all of `fill.batch`: ids and times exchanged, hashes computed anew. */
async function copyStatement(sql: Sql, table: (typeof tables)[number]): Promise<string> {
  const [schema, name] = table.name.split('.')
  const columns = await sql<{ column: string; type: string }[]>`
    select column_name as column, udt_name as type from information_schema.columns
    where table_schema = ${schema!} and table_name = ${name!} and is_identity = 'NO' order by ordinal_position`
  const expressions: string[] = []
  for (const { column, type } of columns) {
    if (column === table.fresh) expressions.push(`gen_random_uuid() as "${column}"`)
    else if (column === 'position') expressions.push('b.position + t.position as position')
    else if (type === 'timestamptz') expressions.push(`t."${column}" + b.shift as "${column}"`)
    else if (['text', 'uuid', 'jsonb', '_text'].includes(type)) {
      expressions.push(`${await swapped(sql, table.name, column)}::${type === '_text' ? 'text[]' : type} as "${column}"`)
    } else expressions.push(`t."${column}"`)
  }
  const names = columns.map(({ column }) => `"${column}"`)
  const chained = `fill.chain(convert_to((${hashed[table.name] ?? 'x.body'})::text, 'UTF8')) over (partition by x.n order by x.${table.order})`
  const hash =
    table.hash === 'chain' ? chained : table.hash && `(${table.hash.replace('where', 'where e.account_id = x.account_id and')})`
  const selected = names.map((column) => (column === '"hash"' && hash ? hash : `x.${column}`))
  const recent = table.kept_days ? `where b.at > now() - interval '${table.kept_days} days'` : ''
  return `insert into ${table.name} (${names.join(', ')}) select ${selected.join(', ')} from (
    select b.n, ${expressions.join(', ')} from fill.batch b join ${templateTable(table.name)} t on t.template = b.template
    join fill.olds o on o.template = b.template ${recent} order by b.n) x`
}

/** The column with those swaps that occur in it. */
async function swapped(sql: Sql, table: string, column: string): Promise<string> {
  const found = await sql.unsafe<{ index: number }[]>(`
    select distinct s.index::int as index from ${templateTable(table)} t join fill.olds o on o.template = t.template
    cross join lateral unnest(o.old) with ordinality s (old, index)
    where s.old <> '' and position(lower(s.old) in lower(t."${column}"::text)) > 0 order by 1`)
  return found.reduce((text, { index }) => {
    const exact = `replace(${text}, o.old[${index}], b.new[${index}])`
    // Search terms are in lower case.
    return column === 'search_terms' ? `replace(${exact}, lower(o.old[${index}]), lower(b.new[${index}]))` : exact
  }, `t."${column}"::text`)
}

/** Removes every walk of the database. */
export async function empty(sql: Sql): Promise<void> {
  await sql.unsafe(`truncate ${[...tables.map(({ name }) => name), ...emptied].join(', ')}`)
}

/** Copies templates until there are `rows` orders and transactions, spread evenly over the year that ends now. */
export async function fill(sql: Sql, copier: Copier, rows: number, progress: (done: number) => void): Promise<void> {
  const chosen = chooser(copier.templates)
  const end = Date.now() - 3_600_000
  const start = end - 365 * 86_400_000
  let position = 0
  for (let done = 0; done < rows; ) {
    const count = Math.min(5_000, rows - done)
    const batch = Array.from({ length: count }, (_, index) => {
      const n = done + index
      const template = copier.templates[chosen(n)]!
      const at = Math.floor((start + ((end - start) * n) / rows) / 1_000) * 1_000
      const row = {
        n,
        template: template.number,
        position,
        at: new Date(at),
        new: newTexts(copier, template, n, rows, new Date(at)),
      }
      position += template.told
      return { ...row, shift: `${(at - Date.parse(`${template.second}Z`)) / 1_000} seconds` }
    })
    await sql.begin(async (tx) => {
      const db = tx as unknown as Db
      await db`set local statement_timeout = 0`
      await db`truncate fill.batch`
      await db`insert into fill.batch select * from jsonb_to_recordset(${json(batch)}) as b (
        n bigint, template int, shift interval, at timestamptz, position bigint, new text[])`
      await db`analyze fill.batch`
      for (const statement of copier.insert.values()) await tx.unsafe(statement)
    })
    done += count
    progress(done)
  }
  await sql`insert into notifications.feeds (account_id, position) values (${copier.account_id}, ${position})`
}

/** Which template the nth copy is made of: each by its weight, mixed, the same in every run. */
function chooser(templates: readonly Template[]): (n: number) => number {
  const total = templates.reduce((sum, { weight }) => sum + weight, 0)
  return (n) => {
    let left = (((n * 0.618_033_988_75) % 1) + 1e-9) * total
    const index = templates.findIndex(({ weight }) => {
      left -= weight
      return left <= 0
    })
    return index < 0 ? templates.length - 1 : index
  }
}

function newTexts({ account_id, swaps }: Copier, { old }: Template, n: number, rows: number, at: Date): string[] {
  const ids = systemIds({ now: () => at })
  // The same customer comes back after other customers did, twenty times; there are forty stores.
  const customers = Math.max(1, Math.ceil(rows / 20))
  const person = String((n * 7_919) % customers).padStart(7, '0')
  const number = String(n).padStart(7, '0')
  const made: Record<string, string> = {
    order_id: ids.orderId(),
    session: ids.short(account_id),
    transaction: ids.short(account_id),
    customer: `kunde-${person}`,
    store: `butikk-${(n * 31) % 40}`,
    terminal: `kasse-${(n * 31) % 200}`,
    reference_2: `faktura-${number}`,
    external_id: `ekstern-${number}`,
    surname: `Nordmann${person}`,
    email: `kari${person}@example.com`,
    phone: `+47${person}0`,
    payout: `utbetaling-${(n * 17) % 1_000}`,
    second: at.toISOString().slice(0, 19),
    tomorrow: tomorrow(at.toISOString().slice(0, 19)),
  }
  return swaps.map((name) => {
    if (old[name] === undefined) return ''
    return made[name] ?? likeness(old[name], ids.uuid())
  })
}

/** A new id of the same form: a UUID, or a text of the same length with the same beginning. */
function likeness(old: string, uuid: string): string {
  if (/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/.test(old)) return uuid
  const digits = uuid.replaceAll('-', '')
  const kept = Math.max(0, old.length - digits.length)
  return old.slice(0, kept) + digits.slice(kept - old.length)
}
