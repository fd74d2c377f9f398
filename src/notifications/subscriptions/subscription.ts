import Type, { type Static } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime } from '../../lib/schema.ts'
import type { Openings } from '../address.ts'
import { refusedUrl } from '../outbound.ts'
import { parseMask } from './mask.ts'

/** Every event that can be subscribed to (checkout-api §6.6). Kvitt itself sends those of checkout, shopping and settlements. */
export const events = [
  ...['checkout_authorization', 'checkout_transaction', 'checkout_token_add', 'checkout_token_update', 'checkout_token_delete'],
  ...['shopping_draft_add', 'shopping_draft_update', 'shopping_draft_complete'],
  ...['shopping_order_update', 'shopping_order_event_add', 'shopping_order_delete'],
  ...['settlement_add', 'approval_payout_destination_update', 'approval_payout_destination_delete', 'cdd_case_update'],
  ...['account_add', 'account_update', 'account_store_add', 'account_store_update', 'account_store_delete'],
  ...['account_location_add', 'account_location_update', 'account_location_delete'],
  ...['location_add', 'location_update', 'location_delete', 'receipt_add', 'receipt_update', 'token_add', 'token_remove'],
  ...['customer_add', 'customer_update', 'customer_delete', 'customer_change_password', 'transaction', 'wallet_transaction'],
  ...['discount_add', 'discount_update', 'discount_delete', 'discount_add_customers', 'discount_customer_update'],
] as const

/** A secret as clients write it: text, or the published object with either name of its member. */
const SecretIn = Type.Union([
  Type.String({ maxLength: 1_000 }),
  Type.Object({
    type: Type.Optional(Type.String()),
    value: Type.Optional(Type.String({ maxLength: 1_000 })),
    secret: Type.Optional(Type.String({ maxLength: 1_000 })),
  }),
])

/** A subscription as it is created and updated. */
export const SubscriptionIn = Type.Object(
  {
    config: Type.Object({
      url: Type.String({ maxLength: 2_000, description: 'HTTPS, on a public address.' }),
      content_type: Type.Optional(Type.String({ description: 'application/json, whatever is written here.' })),
      secret: Type.Optional(SecretIn),
      insecure_ssl: Type.Optional(Type.Unsafe<0 | 1 | boolean>({ enum: [0, 1, false, true] })),
    }),
    events: Type.Array(Type.String(), { minItems: 1, maxItems: 200 }),
    active: Type.Optional(Type.Boolean({ description: 'Default true.' })),
    fields: Type.Optional(Type.String({ maxLength: 2_000, description: 'A mask such as a,b/c,d(e,f).' })),
    exclude_fields: Type.Optional(Type.Array(Type.String({ maxLength: 255 }), { maxItems: 100 })),
  },
  { title: 'SubscriptionIn' },
)
export type SubscriptionIn = Static<typeof SubscriptionIn>

/** A subscription as it is read: the secret is hidden, and how its endpoint fares is shown. */
export const Subscription = Type.Object(
  {
    id: Type.String(),
    config: Type.Object({
      url: Type.String(),
      content_type: Type.String(),
      secret: Type.Optional(Type.Object({ type: Type.Literal('HMAC-SHA1') })),
      insecure_ssl: Type.Integer(),
    }),
    events: Type.Array(Type.String()),
    active: Type.Boolean(),
    fields: Type.Optional(Type.String()),
    exclude_fields: Type.Optional(Type.Array(Type.String())),
    created_at: DateTime,
    created_by: Type.String(),
    updated_at: DateTime,
    deleted_at: Type.Optional(DateTime),
    deleted_by: Type.Optional(Type.String()),
    health: Type.Object(
      {
        state: Type.Union([Type.Literal('healthy'), Type.Literal('failing'), Type.Literal('down')]),
        failures: Type.Integer({ description: 'Attempts in a row that nobody answered.' }),
        dead: Type.Integer({ description: 'Deliveries in a row that were given up.' }),
        down_since: Type.Optional(DateTime),
        next_probe_at: Type.Optional(DateTime),
        last_failure_at: Type.Optional(DateTime),
        last_error: Type.Optional(Type.String()),
      },
      { description: 'Ours. A down endpoint is probed; what is pending goes out as soon as it answers.' },
    ),
  },
  { title: 'Subscription' },
)
export type Subscription = Static<typeof Subscription>

/** A row of `notifications.subscriptions` beside its row of `notifications.endpoints`. */
export type SubscriptionRow = {
  id: string
  url: string
  content_type: string
  secret: string | null
  insecure_ssl: number
  events: string[]
  active: boolean
  fields: string | null
  exclude_fields: string[] | null
  created_at: Date
  created_by: string
  updated_at: Date
  deleted_at: Date | null
  deleted_by: string | null
  failures: number | null
  dead: number | null
  down_since: Date | null
  probe_at: Date | null
  last_failure_at: Date | null
  last_error: string | null
}

/** What is wrong with a subscription, if something is. */
export function refuseSubscription(wanted: SubscriptionIn, openings: Openings): Refusal[] {
  const refusals: Refusal[] = []
  const refused = refusedUrl(wanted.config.url, openings)
  if (refused) refusals.push({ code: 'subscription_url_invalid', path: '/config/url', message: refused })
  for (const [index, event] of wanted.events.entries()) {
    if ((events as readonly string[]).includes(event)) continue
    const message = `There is no event ${event}.`
    refusals.push({ code: 'subscription_event_unknown', path: `/events/${index}`, message, allowed: events })
  }
  if (wanted.fields && !parseMask(wanted.fields)) {
    const message = `${wanted.fields} is not a field mask such as a,b/c,d(e,f).`
    refusals.push({ code: 'subscription_field_mask_invalid', path: '/fields', message })
  }
  return refusals
}

/** The columns of a subscription that a client decides. An empty secret, or mask, is none. */
export function columnsOf({ config, events: wanted, active, fields, exclude_fields }: SubscriptionIn) {
  const { secret } = config
  return {
    url: config.url,
    secret: (typeof secret === 'object' ? (secret.value ?? secret.secret) : secret) || null,
    insecure_ssl: config.insecure_ssl ? 1 : 0,
    events: [...new Set(wanted)],
    active: active ?? null,
    fields: fields || null,
    exclude_fields: exclude_fields ?? null,
  }
}

/** A subscription as the API shows it. */
export function showSubscription(row: SubscriptionRow): Subscription {
  const { failures, dead, down_since, probe_at, last_failure_at, last_error } = row
  const state = down_since ? 'down' : failures || dead ? 'failing' : 'healthy'
  return {
    id: row.id,
    config: {
      url: row.url,
      content_type: row.content_type,
      ...(row.secret ? { secret: { type: 'HMAC-SHA1' as const } } : {}),
      insecure_ssl: row.insecure_ssl,
    },
    events: row.events,
    active: row.active,
    ...(row.fields ? { fields: row.fields } : {}),
    ...(row.exclude_fields ? { exclude_fields: row.exclude_fields } : {}),
    created_at: row.created_at.toISOString(),
    created_by: row.created_by,
    updated_at: row.updated_at.toISOString(),
    ...(row.deleted_at ? { deleted_at: row.deleted_at.toISOString() } : {}),
    ...(row.deleted_by ? { deleted_by: row.deleted_by } : {}),
    health: {
      state,
      failures: failures ?? 0,
      dead: dead ?? 0,
      ...(down_since ? { down_since: down_since.toISOString() } : {}),
      ...(probe_at ? { next_probe_at: probe_at.toISOString() } : {}),
      ...(last_failure_at && state !== 'healthy' ? { last_failure_at: last_failure_at.toISOString() } : {}),
      ...(last_error && state !== 'healthy' ? { last_error } : {}),
    },
  }
}

/** The page of the list that starts after this id: without a `limit`, all that an account may have. */
export const PageQuery = Type.Object({
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max, default: limits.page_size_max })),
  starting_after: Type.Optional(Type.String({ maxLength: 255 })),
})
