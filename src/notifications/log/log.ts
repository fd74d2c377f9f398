import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime, FreeObject } from '../../lib/schema.ts'
import { endOfRange } from '../../lib/time.ts'
import { PageQuery } from '../subscriptions/subscription.ts'

const status = Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('dead')], {
  description: 'pending: on its way. dead: given up, and kept to be replayed.',
})

const members = {
  id: Type.String(),
  event_delivery: Type.String({ description: 'The id again, as in the header `event-delivery`.' }),
  created_at: DateTime,
  status,
  event: Type.String(),
  subscription_id: Type.Optional(Type.String({ description: 'Absent for session callbacks.' })),
  aggregate_type: Type.String(),
  aggregate_id: Type.String(),
  sequence: Type.Integer({ description: 'The number of the event in its aggregate.' }),
  url: Type.String(),
  attempts: Type.Integer(),
  next_attempt_at: Type.Optional(DateTime),
  replay_of: Type.Optional(Type.String()),
}

/** One line of a list of deliveries: the published four members, and ours. */
export const Delivery = Type.Object(members, { title: 'Delivery' })
export type Delivery = Static<typeof Delivery>

/** A delivery with what was sent and answered last (checkout-api §6.6), and every attempt. */
export const DeliveryDetail = Type.Object(
  {
    ...members,
    request: Type.Optional(Type.Object({ headers: FreeObject, body: Type.Optional(Type.Unknown()) })),
    response: Type.Optional(
      Type.Object({
        headers: Type.Optional(FreeObject),
        body: Type.Optional(Type.String()),
        error: Type.Optional(Type.String({ description: 'Why there was no answer.' })),
        kind: Type.Optional(Type.String({ description: 'The same in one word: timeout, connection, address, interrupted.' })),
      }),
    ),
    details: Type.Object({
      delivery_at: Type.Optional(DateTime),
      delivery_duration: Type.Optional(Type.Number({ description: 'Milliseconds.' })),
      delivery_success: Type.Boolean(),
    }),
    history: Type.Array(FreeObject, { description: 'One line an attempt: when, how long, status or error.' }),
  },
  { title: 'DeliveryDetail' },
)
export type DeliveryDetail = Static<typeof DeliveryDetail>

/** Which deliveries are listed, newest first. */
export const DeliveriesQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max, default: limits.page_size_default })),
  starting_after: PageQuery.properties.starting_after,
  status: Type.Optional(status),
  event: Type.Optional(Type.String({ maxLength: 100 })),
  aggregate_id: Type.Optional(Type.String({ maxLength: 255, description: 'A transaction, order, draft or session.' })),
})
export type DeliveriesQuery = Static<typeof DeliveriesQuery>

/** Where one delivery is replayed to; without `url`, to where it went. */
export const ReplayIn = Type.Object({ url: Type.Optional(Type.String({ maxLength: 2_000 })) })

/** Which deliveries are replayed, in their old order: those created from `from` until before `to`. */
export const ReplayRangeIn = Type.Object(
  {
    from: DateTime,
    to: DateTime,
    status: Type.Optional(status),
    event: Type.Optional(Type.String({ maxLength: 100 })),
    url: Type.Optional(Type.String({ maxLength: 2_000 })),
  },
  { title: 'ReplayRange' },
)
export type ReplayRangeIn = Static<typeof ReplayRangeIn>

/** A range with its ends as {@link endOfRange} has them; or which of them is no time. */
export function replayable(range: ReplayRangeIn): { range: ReplayRangeIn; refusals: Refusal[] } {
  const refusals: Refusal[] = []
  const instant = (name: 'from' | 'to'): string => {
    const end = endOfRange(range[name])
    if (end === undefined) refusals.push({ code: 'invalid_request', path: `/${name}`, message: `${range[name]} is no time.` })
    return end ?? ''
  }
  return { range: { ...range, from: instant('from'), to: instant('to') }, refusals }
}

/** How many were replayed. */
export const Replayed = Type.Object({ replay_id: Type.String(), replayed: Type.Integer() }, { title: 'Replayed' })

/** A row of `notifications.deliveries`. */
export type DeliveryRow = {
  id: string
  endpoint: string
  lane: string
  position: number
  subscription_id: string | null
  event: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  method: 'GET' | 'POST'
  url: string
  state: 'pending' | 'delivered' | 'dead'
  attempts: number
  next_attempt_at: Date | null
  replay_of: string | null
  request: { headers?: Record<string, string>; body?: string; url?: string } | null
  response: { headers?: Record<string, string>; body?: string; error?: string } | null
  history: { at: string; duration_ms: number; status?: number; error?: string }[]
  created_at: Date
}

/** A delivery as a list shows it. */
export function showDelivery(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    event_delivery: row.id,
    created_at: row.created_at.toISOString(),
    status: row.state,
    event: row.event,
    ...(row.subscription_id ? { subscription_id: row.subscription_id } : {}),
    aggregate_type: row.aggregate_type,
    aggregate_id: row.aggregate_id,
    sequence: row.sequence,
    url: row.request?.url ?? row.url,
    attempts: row.attempts,
    ...(row.next_attempt_at ? { next_attempt_at: row.next_attempt_at.toISOString() } : {}),
    ...(row.replay_of ? { replay_of: row.replay_of } : {}),
  }
}

/** A delivery with everything about it. */
export function showDeliveryDetail(row: DeliveryRow): DeliveryDetail {
  const last = row.history.at(-1)
  return {
    ...showDelivery(row),
    ...(row.request?.headers ? { request: { headers: row.request.headers, body: parsed(row.request.body) } } : {}),
    ...(row.response ? { response: row.response } : {}),
    details: {
      ...(last ? { delivery_at: last.at, delivery_duration: last.duration_ms } : {}),
      delivery_success: row.state === 'delivered',
    },
    history: row.history,
  }
}

function parsed(body: string | undefined): unknown {
  return body === undefined ? undefined : JSON.parse(body)
}

/** A new delivery of the same thing: in a lane of its own, so that neither waits for the other. */
export function replayDelivery(row: DeliveryRow, replay_id: string, url: string | undefined) {
  // The lane of what is replayed once more is no part of the new one, or it would grow each time.
  const lane = `replay:${replay_id}:${row.lane.replace(/^replay:[^:]+:/, '')}`
  const told = { lane, replay_of: row.id }
  if (url === undefined) return { ...told, endpoint: row.endpoint, url: row.url }
  const target = new URL(url)
  // A callback's message is its query; the merchant's own parameters of the new URL stay.
  if (row.subscription_id === null && URL.canParse(row.url)) {
    for (const [name, value] of new URL(row.url).searchParams) target.searchParams.append(name, value)
  }
  return { ...told, endpoint: `url:${target.origin}`, url: target.href }
}
