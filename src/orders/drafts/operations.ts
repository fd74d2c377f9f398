import { type Db, inTransaction, violates } from '../../lib/db.ts'
import { ApiError, refused, throwRefusal } from '../../lib/errors.ts'
import { failpoint } from '../../lib/failpoints.ts'
import type { Notification } from '../../lib/outbox.ts'
import { apiEventView } from '../events/event.ts'
import { completeItems, type ItemIn, parseLineId } from '../items/item.ts'
import { orderNotification, unknownOrder } from '../orders/notice.ts'
import { applyEvent, foldOrder, type Order } from '../orders/order.ts'
import { appendOrderEvent, findOrder, insertOrders, lockOrder } from '../orders/store.ts'
import { assertRoom, assertVersion, attemptWrite, type Caller, nextEvent, type Service } from '../shared/operations.ts'
import { type After, pageOf, pageSize, parseCursor, windowOf } from '../shared/page.ts'
import { expiresAt, groupItems, intoOrder, mayComplete, newOrders } from './complete.ts'
import * as core from './draft.ts'
import * as store from './store.ts'

type Draft = core.Draft
/** A draft and the list of its events. */
export type Found = store.FoundDraft

const generated_attempts = 5

/** The name of the webhook for a change of a draft; its sequence is the draft's version. */
function notificationOf(id: string, { type, version }: core.DraftEvent): Notification {
  const event =
    type === 'created' ? 'shopping_draft_add' : type === 'completed' ? 'shopping_draft_complete' : 'shopping_draft_update'
  return { event, aggregate_type: 'draft', aggregate_id: id, sequence: version }
}

function writeOf(
  caller: Caller,
  { before, draft, event, expires_at }: { before?: Found; draft: Draft; event: core.DraftEvent; expires_at?: string | undefined },
): store.DraftWrite {
  const { account_id, request } = caller
  return store.draftWrite({
    account_id,
    before,
    draft,
    event,
    request,
    expires_at,
    notification: notificationOf(draft.id, event),
  })
}

/** What was just written and committed, for the next change of it. */
function remember({ memory }: Service, { account_id }: Caller, found: Found): Found {
  if (found.draft.status === 'open') memory.drafts.keep(account_id, found.draft.id, found, found.size)
  return found
}

function unknownDraft(id: string): ApiError {
  return new ApiError('not_found', `There is no draft ${id} on this account.`)
}

/**
 * Creates a draft. With `ALPHANUMERIC_9_RESERVE` it holds its order_id from now on; with `options.order_id` the order it will be
 * added to must exist and have the same currency (orders-api §2.2, §6 no. 16).
 */
export async function createDraft(service: Service, caller: Caller, body: core.DraftIn, db: Db = service.sql): Promise<Found> {
  throwRefusal(core.refuseOptions(body))
  const { order, options = {} } = body
  const taken = await linesOfTarget(service, caller, { currency: order.currency, options }, db)
  const { items, refusals } = core.draftItems((order.items ?? []) as ItemIn[], taken)
  throwRefusal(refusals)
  const id = service.ids.uuid()
  for (let attempt = 1; ; attempt++) {
    const reserve = options.generate_order_id === 'ALPHANUMERIC_9_RESERVE' && options.order_id === undefined
    const reserved = reserve ? { id: service.ids.uuid(), order_id: service.ids.orderId() } : undefined
    const change: core.DraftChange = {
      type: 'created',
      currency: order.currency,
      content: core.contentOf(order),
      options,
      items,
      ...(reserved ? { reserved } : {}),
    }
    const event = { ...nextEvent(service, caller, 0), ...change }
    const draft = core.applyDraftEvent(id, event)
    try {
      const written = await store.insertDraft(db, writeOf(caller, { draft, event }))
      return db === service.sql ? remember(service, caller, written) : written
    } catch (error) {
      if (!violates(error, 'order_name_unique') || attempt === generated_attempts || db !== service.sql) throw error
    }
  }
}

/** The lines of the order that a draft will be added to: their numbers are taken. Errors: not_found, currency_mismatch. */
async function linesOfTarget(
  { clock }: Service,
  { account_id }: Caller,
  { currency, options }: Pick<Draft, 'currency' | 'options'>,
  db: Db,
): Promise<number[]> {
  const { order_id: name } = options
  if (name === undefined) return []
  const found = await findOrder(db, { account_id, name, now: clock.now().toISOString() })
  const path = '/options/order_id'
  if (!found)
    throw new ApiError('not_found', `There is no order ${name} on this account.`, {
      details: [{ path, message: 'No such order.' }],
    })
  const { order } = found
  if (order.currency !== currency) {
    const message = `Order ${name} is in ${order.currency}.`
    throwRefusal({ code: 'currency_mismatch', path: '/order/currency', message, allowed: [order.currency] })
  }
  return options.replace ? [] : order.items.map(({ line_id }) => line_id)
}

/** One page of drafts, newest first. */
export async function listDrafts(service: Service, account_id: string, query: core.DraftQuery) {
  const after = parseCursor(query.starting_after)
  if (after && 'refusal' in after) throwRefusal(after.refusal)
  const { from, until, refusals } = windowOf(query)
  throwRefusal(refusals)
  const size = pageSize(query.limit)
  const filter = {
    account_id,
    status: query.status,
    currency: query.currency,
    created_at_gte: from,
    created_at_lte: until,
    after: after as After | undefined,
    limit: size + 1,
    now: service.clock.now().toISOString(),
  }
  const page = pageOf(await store.listDraftRows(service.sql, filter), size, ({ draft }) => draft)
  const starting_after = page.starting_after === undefined ? {} : { starting_after: page.starting_after }
  return { draft_orders: page.rows.map(viewOf), ...starting_after }
}

/** A draft and its events as clients see them. */
export function viewOf({ draft, events }: Found): Record<string, unknown> {
  return core.draftView(draft, events.map(apiEventView))
}

/** One draft with its events, or 404. */
export async function getDraft({ sql, clock }: Service, account_id: string, id: string): Promise<Found> {
  const found = await store.findDraft(sql, { account_id, id, now: clock.now().toISOString() })
  if (!found) throw unknownDraft(id)
  return found
}

/** Changes an open draft by one event. */
async function changeDraft(
  service: Service,
  caller: Caller,
  id: string,
  decide: (draft: Draft, db: Db) => core.DraftChange | Promise<core.DraftChange>,
): Promise<Found> {
  const { account_id } = caller
  const { sql, clock, memory } = service
  const attempt = async (db: Db, known?: Found): Promise<Found | undefined> => {
    const found = known ?? (await store.findDraft(db, { account_id, id, now: clock.now().toISOString() }))
    if (!found) throw unknownDraft(id)
    assertVersion(found.draft.version, caller)
    throwRefusal(core.mayChange(found.draft))
    const event = { ...nextEvent(service, caller, found.draft.version), ...(await decide(found.draft, db)) }
    assertRoom(found.size, event)
    const draft = core.applyDraftEvent(found.draft, event)
    const written = await store.appendDraftEvent(db, writeOf(caller, { before: found, draft, event }))
    return written && db === sql ? remember(service, caller, written) : written
  }
  return attemptWrite(sql, attempt, (db) => store.lockDraft(db, account_id, id), memory.drafts.take(account_id, id))
}

/** Replaces what the draft says; its lines only when the body has `items`, its options only when the body has them. */
export function updateDraft(service: Service, caller: Caller, id: string, body: core.DraftIn): Promise<Found> {
  const { currency } = body.order
  return changeDraft(service, caller, id, async (draft, db) => {
    const options = body.options ?? draft.options
    const { reserved } = draft
    const content = core.contentOf(body.order)
    // A client that sends back what it got repeats the reserved id; that is no id of its own.
    if (reserved && content.order_id === reserved.order_id) delete content.order_id
    throwRefusal(core.refuseOptions({ order: { ...content, currency }, options }))
    throwRefusal(core.refuseBesideReserved(draft, { content, options }))
    const taken = await linesOfTarget(service, caller, { currency, options }, db)
    const { items, refusals } = body.order.items
      ? core.draftItems(body.order.items as ItemIn[], taken)
      : { items: draft.items, refusals: [] }
    throwRefusal(refusals)
    return { type: 'updated', currency, content, options, items }
  })
}

/** Soft: the draft stays readable, with `deleted_at` (orders-api §2.3). */
export function deleteDraft(service: Service, caller: Caller, id: string): Promise<Found> {
  return changeDraft(service, caller, id, () => ({ type: 'deleted' }))
}

export function addItem(service: Service, caller: Caller, id: string, item: ItemIn): Promise<Found> {
  return changeDraft(service, caller, id, async (draft, db) => {
    const taken = await linesOfTarget(service, caller, draft, db)
    const { items, refusals } = completeItems([item], [...taken, ...draft.items.map(({ line_id }) => line_id)], () => '')
    throwRefusal(refusals)
    return { type: 'item_added', item: items[0]! }
  })
}

/** Replaces one line; the path says which, and a different `line_id` in the body is refused (orders-api §2.5). */
export function replaceItem(service: Service, caller: Caller, id: string, line: string, item: ItemIn): Promise<Found> {
  return changeDraft(service, caller, id, (draft) => {
    const line_id = knownLine(draft, line)
    if (item.line_id !== undefined && parseLineId(item.line_id) !== line_id) {
      throwRefusal({ code: 'invalid_request', path: '/line_id', message: `The path says line ${line_id}.`, allowed: [line_id] })
    }
    const { items, refusals } = completeItems([{ ...item, line_id }], [], () => '')
    throwRefusal(refusals)
    return { type: 'item_replaced', item: items[0]! }
  })
}

export function removeItem(service: Service, caller: Caller, id: string, line: string): Promise<Found> {
  return changeDraft(service, caller, id, (draft) => ({ type: 'item_removed', line_id: knownLine(draft, line) }))
}

function knownLine(draft: Draft, line: string): number {
  const line_id = parseLineId(line)
  const item = draft.items.find((item) => item.line_id === line_id)
  if (!item) throw new ApiError('not_found', `Draft ${draft.id} has no line ${line}.`)
  return item.line_id
}

/**
 * Completes a draft (orders-api §2.4): makes one order of it, or several, or brings it into an existing order. A draft is completed
 * once: whoever comes second is refused with `draft_not_open`.
 */
export async function completeDraft(service: Service, caller: Caller, id: string): Promise<Order[]> {
  const { account_id } = caller
  const { sql, clock, memory } = service
  let order_id: unknown
  const complete = async (db: Db, known?: Found): Promise<Order[] | undefined> => {
    const found = known ?? (await store.findDraft(db, { account_id, id, now: clock.now().toISOString() }))
    if (!found) throw unknownDraft(id)
    if (found.draft.options.order_id !== undefined)
      return inTransaction(db, (tx) => completeInto(service, caller, { id, seen: 'draft' }, tx))
    order_id = found.draft.content.order_id
    return completeNew(service, caller, found, db)
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptWrite(sql, complete, (db) => store.lockDraft(db, account_id, id), memory.drafts.take(account_id, id))
    } catch (error) {
      if (!violates(error, 'order_name_unique')) throw error
      if (order_id !== undefined) throw new ApiError('order_id_exists', `The order_id ${order_id} is taken.`)
      if (attempt === generated_attempts) throw error
    }
  }
}

/** One attempt to make new orders of a draft as it was read; undefined when it has changed meanwhile. */
async function completeNew(service: Service, caller: Caller, found: Found, db: Db): Promise<Order[] | undefined> {
  const { account_id } = caller
  const { draft } = found
  assertVersion(draft.version, caller)
  throwRefusal(mayComplete(draft))
  const names = groupItems(draft).map(() => draft.reserved ?? nameFor(service, draft))
  const event: core.DraftEvent = { ...nextEvent(service, caller, draft.version), type: 'completed', orders: names }
  const serials = await serialsFor(draft, account_id, names.length, db)
  const orders = newOrders(draft, names, serials).map((change) => {
    const created = { ...nextEvent(service, caller, 0), created_at: event.created_at, draft_id: draft.id, ...change }
    return { order: foldOrder([created])!, event: created, expires_at: expiresAt(draft.options, event.created_at) }
  })
  const completed = core.applyDraftEvent(draft, event)
  const { expires_at } = orders[0]!
  const written = await insertOrders(db, {
    draft: writeOf(caller, { before: found, draft: completed, event, expires_at }),
    orders,
  })
  if (written && db === service.sql) {
    for (const order of written) service.memory.orders.keep(account_id, order.order.order_id, order, order.size)
  }
  return written?.map(({ order }) => order)
}

function nameFor({ ids }: Service, draft: Draft): core.Named {
  const id = ids.uuid()
  if (draft.options.generate_order_id) return { id, order_id: ids.orderId() }
  return { id, order_id: draft.content.order_id === undefined ? id : String(draft.content.order_id) }
}

async function serialsFor({ options }: Draft, account_id: string, count: number, db: Db): Promise<string[]> {
  const suffix = options.serial_order_number_suffix
  if (suffix === undefined) return []
  const last = await store.claimSerials(db, account_id, count)
  return Array.from({ length: count }, (_, index) => `${last - count + index + 1}${suffix}`)
}

/**
 * Brings the draft into an existing order. Draft, then order: everybody who needs both locks them in this sequence. Of which of them
 * `If-Match` names a version is `seen`.
 */
async function completeInto(
  service: Service,
  caller: Caller,
  { id, seen }: { id: string; seen: 'draft' | 'order' },
  tx: Db,
): Promise<Order[]> {
  const { account_id } = caller
  const now = service.clock.now().toISOString()
  await store.lockDraft(tx, account_id, id)
  const found = await store.findDraft(tx, { account_id, id, now })
  if (!found) throw unknownDraft(id)
  const { draft } = found
  if (seen === 'draft') assertVersion(draft.version, caller)
  const name = draft.options.order_id!
  await lockOrder(tx, account_id, name)
  const target = await findOrder(tx, { account_id, name, now })
  if (!target) throw unknownOrder(name)
  const before = target.order
  if (seen === 'order') assertVersion(before.version, caller)
  const decision = intoOrder(draft, before)
  if ('refusals' in decision) throw refused(decision.refusals)
  const event = { ...nextEvent(service, caller, before.version), draft_id: id, ...decision.change }
  assertRoom(target.size, event)
  const after = applyEvent(before, event)
  const completed: core.DraftEvent = {
    ...nextEvent(service, caller, draft.version),
    type: 'completed',
    orders: [{ id: after.id, order_id: after.order_id }],
  }
  const expires_at = expiresAt(draft.options, event.created_at)
  const remaining = expires_at ?? target.expires_at?.toISOString()
  const notification = orderNotification(after, event)
  const next = core.applyDraftEvent(draft, completed)
  await store.appendDraftEvent(tx, writeOf(caller, { before: found, draft: next, event: completed, expires_at: remaining }))
  await failpoint('orders.between_writes')
  await appendOrderEvent(tx, { account_id, before: target, after, event, request: caller.request, expires_at, notification })
  return [after]
}

/** Creates a draft and completes it in one transaction: the one order that comes of it, or the order it was added to. */
export async function createAndComplete(service: Service, caller: Caller, body: core.DraftIn): Promise<Order[]> {
  if (!body.order.items?.length) {
    throwRefusal({ code: 'draft_empty', path: '/order/items', message: '/order/items must have at least one line.' })
  }
  try {
    return await inTransaction(service.sql, async (tx) => {
      const found = await createDraft(service, caller, body, tx)
      const { draft } = found
      if (draft.options.order_id !== undefined) return completeInto(service, caller, { id: draft.id, seen: 'order' }, tx)
      return (await completeNew(service, caller, found, tx)) ?? []
    })
  } catch (error) {
    if (!violates(error, 'order_name_unique') || body.order.order_id === undefined) throw error
    const message = `The order_id ${body.order.order_id} is taken.`
    throw refused({ code: 'order_id_exists', path: '/order/order_id', message })
  }
}

/** A draft as it was at one of its versions: what a webhook about that version carries. */
export async function draftAt(
  db: Db,
  account_id: string,
  id: string,
  version: number,
): Promise<Record<string, unknown> | undefined> {
  const found = await store.findDraft(db, { account_id, id, version })
  return found && core.draftView(found.draft)
}
