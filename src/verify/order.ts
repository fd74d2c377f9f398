import { expiresAt } from '../orders/drafts/complete.ts'
import { foldDraft } from '../orders/drafts/draft.ts'
import { orderNotification } from '../orders/orders/notice.ts'
import { foldOrder, type Order } from '../orders/orders/order.ts'
import { orderSummary } from '../orders/orders/summary.ts'
import {
  compareChain,
  compareNotifications,
  compareRows,
  compareSize,
  type Difference,
  Findings,
  moment,
  stillKept,
  type Told,
  toldOf,
} from './difference.ts'
import type { OrderRead } from './store.ts'

type Row = Readonly<Record<string, unknown>>

/** An order against its events: columns, lines, authorizations, stores, names, chain, notifications. */
export function verifyOrder({ account_id, id, row, hash, events, ...rest }: OrderRead): Difference[] {
  const findings = new Findings(account_id, 'order', id)
  compareChain(findings, events, row.version as number, hash)
  compareSize(findings, row.events_size as number, rest.size_max)
  for (const { sequence, type, event_id, body } of events) {
    findings.compare(`event ${sequence} type`, body.type, type)
    findings.compare(`event ${sequence} event_id`, body.id, event_id)
    findings.compare(`event ${sequence} version`, body.version, sequence)
  }
  const order = folded(findings, () => foldOrder(events.map(({ body }) => body)))
  if (!order) return findings.list
  const { lines, stores, created_at, updated_at, search, ...columns } = orderSummary(order)
  for (const [name, value] of Object.entries(columns)) findings.compare(name, value, row[name])
  findings.compare('search', search, row.search)
  findings.compare('created_at', moment(created_at), moment(row.created_at))
  findings.compare('updated_at', moment(updated_at), moment(row.updated_at))
  const expires_at = expiryOf(events)
  if (expires_at !== undefined) findings.compare('expires_at', expires_at, moment(row.expires_at))
  const keyed = (rows: readonly Row[], ...keys: string[]) =>
    new Map(rows.map((line) => [keys.map((key) => String(line[key])).join(' '), line]))
  compareRows(findings, 'line', keyed(lines, 'line_id'), keyed(rest.lines, 'line_id'))
  const authorizations = authorizationRows(order)
  compareRows(
    findings,
    'authorization',
    keyed(authorizations, 'authorization_id', 'line_id'),
    keyed(rest.authorizations, 'authorization_id', 'line_id'),
  )
  findings.compare('stores', [...stores].sort(), [...rest.stores].sort())
  findings.compare('names', [...new Set([order.id, order.order_id])].sort(), [...rest.names].sort())
  compareNotifications(findings, stillKept(notificationsOf(order, events), times(events), rest.told_since), rest.told)
  return findings.list
}

/**
 * When the order goes; undefined when lines were added to it, or its content replaced with the same option: the draft that did so may have
 * said when, and be gone itself.
 */
function expiryOf(events: OrderRead['events']): string | null | undefined {
  let expires_at: string | null = null
  let said: number | undefined
  for (const { body } of events) {
    if (body.type === 'lines_added') return undefined
    if (body.type !== 'created' && body.type !== 'replaced') continue
    const { order_time_to_live } = body.options
    if (said !== undefined && order_time_to_live === said) return undefined
    expires_at = expiresAt(body.options, body.created_at) ?? expires_at
    said = order_time_to_live
  }
  return expires_at
}

const times = (events: OrderRead['events']) => events.map(({ sequence, body }) => ({ sequence, at: body.created_at }))

/** What is announced of each event; the creation of an order is announced by its draft. */
function notificationsOf(order: Order, events: OrderRead['events']): Told[] {
  return events.filter(({ type }) => type !== 'created').map(({ body }) => toldOf(orderNotification(order, body)))
}

function authorizationRows({ authorizations }: Order): Row[] {
  return [...authorizations].flatMap(([authorization_id, lines]) =>
    [...lines].map(([line_id, sums]) => ({ authorization_id, line_id, ...sums })),
  )
}

/** A draft against its events. */
export function verifyDraft({ account_id, id, row, hash, events, told, told_since, size_max }: OrderRead): Difference[] {
  const findings = new Findings(account_id, 'draft', id)
  compareChain(findings, events, row.version as number, hash)
  compareSize(findings, row.events_size as number, size_max)
  const draft = folded(findings, () => foldDraft(id, events.map(({ body }) => body) as never))
  if (!draft) return findings.list
  const { version, status, currency, created_at, updated_at } = draft
  for (const [name, value] of Object.entries({ version, status, currency })) findings.compare(name, value, row[name])
  findings.compare('created_at', moment(created_at), moment(row.created_at))
  findings.compare('updated_at', moment(updated_at), moment(row.updated_at))
  const expected = events.map(({ sequence, body: { type } }): Told => {
    if (type === 'created') return [sequence, 'shopping_draft_add']
    return [sequence, (type as string) === 'completed' ? 'shopping_draft_complete' : 'shopping_draft_update']
  })
  compareNotifications(findings, stillKept(expected, times(events), told_since), told)
  return findings.list
}

function folded<T>(findings: Findings, fold: () => T | undefined): T | undefined {
  try {
    const state = fold()
    if (state === undefined) findings.add('events', 'at least one', null)
    return state
  } catch (error) {
    findings.add('events', 'a history that can be replayed', (error as Error).message)
    return undefined
  }
}
