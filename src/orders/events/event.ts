/*
 * Terminology
 *
 * - service event: a status that some service reports about the order (kitchen, courier)
 * - API event: the trace of a call that changed the order
 * - combined state: what the services together say
 */
import Type from 'typebox'
import { limits } from '../../lib/limits.ts'
import { DateTime, FreeObject } from '../../lib/schema.ts'

export const states = ['error', 'failure', 'success', 'pending'] as const

/** The body of POST events (orders-api §3.8). `state` is `success` unless it says otherwise. */
export const ServiceEventIn = Type.Object(
  {
    state: Type.Optional(Type.Enum(states)),
    service: Type.String({ minLength: 1, maxLength: 255, description: 'Separates the statuses of different services.' }),
    service_status: Type.String({ minLength: 1, maxLength: 255 }),
    description: Type.Optional(Type.String({ maxLength: limits.text_length_max })),
    metadata: Type.Optional(FreeObject),
  },
  {
    additionalProperties: true,
    examples: [{ state: 'success', service: 'kitchen', service_status: 'ready_for_pickup', description: 'Table 4' }],
  },
)

/** A service event or an API event as it is answered. */
export const EventOut = Type.Object(
  {
    event_type: Type.Enum(['api-event', 'service-event']),
    id: Type.String(),
    created_at: DateTime,
    created_by: Type.String(),
    version: Type.Integer({ description: 'The version of the order that the event made.' }),
    request: Type.Optional(Type.Object({ path: Type.String(), method: Type.String(), body: Type.String() })),
    draft_id: Type.Optional(Type.String({ description: 'The draft that made or changed the order.' })),
    state: Type.Optional(Type.Enum(states, { description: 'Of service events, as are the members after it.' })),
    service: Type.Optional(Type.String()),
    service_status: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    metadata: Type.Optional(FreeObject),
  },
  {
    additionalProperties: true,
    title: 'OrderEvent',
    examples: [
      {
        event_type: 'service-event',
        state: 'success',
        service: 'kitchen',
        service_status: 'ready_for_pickup',
        id: '9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a',
        created_at: '2026-01-02T03:04:05.678Z',
        created_by: 'client-id',
        version: 4,
      },
    ],
  },
)

type Event = { type?: string; service_event?: Record<string, unknown>; [member: string]: unknown }

/** What clients see of an event that an API call made. */
export function apiEventView(event: Event): Record<string, unknown> {
  const { id, created_at, created_by, version, request, draft_id } = event
  return { event_type: 'api-event', id, created_at, created_by, version, request: request ?? undefined, draft_id }
}

/** What clients see of any event of an order. */
export function eventView(event: Event): Record<string, unknown> {
  if (event.type !== 'service') return apiEventView(event)
  return { ...event.service_event, ...apiEventView(event), event_type: 'service-event' }
}

export type EventKinds = { api: boolean; service: boolean }

/**
 * Which events `include_events` asks for (orders-api §2.6): `true` is all of them, `false` none. In the views of stores and
 * customers API events are never shown.
 */
export function eventKinds(
  values: readonly string[] | undefined,
  options: { view?: 'store' | 'customer'; unless: boolean },
): EventKinds {
  const asked = values?.flatMap((value) => value.split(',')).map((value) => value.trim())
  const all = asked ? asked.includes('true') : options.unless
  return {
    api: options.view === undefined && (all || asked?.includes('api-event') === true),
    service: all || asked?.includes('service-event') === true,
  }
}

/** Those events of the kinds asked for, as clients see them. */
export function eventViews(events: readonly Event[], { api, service }: EventKinds): Record<string, unknown>[] {
  return events.filter(({ type }) => (type === 'service' ? service : api)).map(eventView)
}

/**
 * What the services together report (orders-api §3.8): `failure` once any event was an error or a failure, `pending` without events
 * or while any service's latest is pending, else `success`.
 */
export function combinedState(events: readonly Event[]): 'failure' | 'pending' | 'success' {
  const latest = new Map<unknown, unknown>()
  for (const { type, service_event } of events) {
    if (type !== 'service' || !service_event) continue
    if (service_event.state === 'error' || service_event.state === 'failure') return 'failure'
    latest.set(service_event.service, service_event.state)
  }
  return latest.size === 0 || [...latest.values()].includes('pending') ? 'pending' : 'success'
}
