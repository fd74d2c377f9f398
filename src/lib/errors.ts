/**
 * Every error a caller can meet: its code, the HTTP status it is sent with, and what it means.
 * `docs/errors.md` is generated from this table and a test compares the two. Codes are never reused.
 */
export const errors = {
  // The request itself
  invalid_json: [400, 'The body is not valid JSON.'],
  invalid_request: [400, 'A member of the body, the path or the query has the wrong type or value; `errors[].path` says which.'],
  body_too_large: [413, 'The body is larger than the limit.'],
  unsupported_media_type: [415, 'The body has a content type that this endpoint does not read.'],
  unauthorized: [401, 'The access token or the credentials are missing, invalid, expired or revoked.'],
  forbidden: [403, 'The token lacks the scope for this call, or belongs to another account.'],
  not_found: [404, 'Nothing with this id exists on this account.'],
  idempotency_key_invalid: [400, '`Idempotency-Key` is empty or too long.'],
  idempotency_key_in_flight: [
    409,
    'The first request with this `Idempotency-Key` is still being worked on; `Retry-After` says when to ask.',
  ],
  idempotency_key_reused: [422, 'This `Idempotency-Key` was used for a request with another body.'],
  precondition_failed: [412, 'The resource has changed since the version the request names.'],
  write_conflict: [409, 'Another request changed the same thing at the same time; nothing was done, try again.'],
  dry_run_not_possible: [400, 'What would happen depends on somebody who may not be asked in a dry run.'],
  too_many_requests: [429, 'Too many requests; `Retry-After` says when to try again.'],
  // Transactions: capture, refund, void, authorization
  amount_required: [400, 'The amount is missing or is not above zero.'],
  amount_exceeds_authorized: [400, 'More than is left of the authorization; `errors[].allowed` is the most that can be taken.'],
  amount_exceeds_captured: [
    400,
    'More than was captured and not refunded yet; `errors[].allowed` is the most that can be given back.',
  ],
  amount_not_allowed: [400, 'The authorization can not be changed to this amount.'],
  authorization_final: [409, 'The authorization is final and can no longer be changed.'],
  transaction_status_conflict: [400, 'The status of the transaction does not allow this operation.'],
  operation_unsupported: [400, 'The payment product of the transaction can not do this.'],
  operation_declined: [400, 'The provider refused the operation; the transaction has an event with the reason. Nothing moved.'],
  operation_settled: [409, 'The operation has its outcome; it never changes.'],
  operation_known: [409, 'The provider can tell what came of the operation, so nobody may say it by hand.'],
  operation_pending: [409, 'Another operation on the transaction is not settled yet; try again when it is.'],
  operation_conflict: [409, 'Another request changed the transaction at the same time; read it and try again.'],
  merchant_reference_used: [400, 'A session with this merchant_reference exists, and the request asked to refuse that.'],
  items_invalid: [400, 'The items do not fit the transaction; `errors[].path` says which.'],
  metadata_invalid: [400, 'A metadata key lacks the prefix `ext_`, or a key or value is too long.'],
  // Notifications: subscriptions, deliveries, events
  subscription_url_invalid: [400, 'The URL can not be called: only HTTPS and public addresses are.'],
  subscription_event_unknown: [400, 'There is no such event; `errors[].allowed` lists those there are.'],
  subscription_field_mask_invalid: [400, '`fields` is not a mask such as `a,b/c,d(e,f)`.'],
  subscription_not_found: [404, 'The account has no such subscription, or it was deleted.'],
  subscription_limit_reached: [400, 'The account has as many subscriptions as it may.'],
  delivery_not_found: [404, 'There is no such delivery.'],
  replay_too_large: [400, 'More deliveries match than are replayed at once; `errors[].allowed` is the most.'],
  internal_error: [500, 'A fault in Kvitt. The `request-id` header finds it in the log.'],
  unavailable: [503, 'Kvitt or what it depends on is not ready; try again.'],

  // Accounts
  account_exists: [409, 'The account id is taken.'],
  account_not_found: [404, 'There is no such account.'],
  client_exists: [409, 'The account has, or had, an API client with this client_id.'],
  client_not_found: [404, 'The account has no such API client, or it was deleted.'],
  grant_exists: [409, 'The client has a grant for this audience already; delete that one first.'],
  grant_not_found: [404, 'The account has no such grant, or it was deleted.'],
  api_key_not_found: [404, 'The account has no such API key, or it was deleted.'],

  // Orders
  missing_field: [400, 'A member that the operation needs is missing; `errors[].path` says which.'],
  unknown_line_id: [400, 'The order has no such line; `allowed` lists the ones it has.'],
  duplicate_line_id: [400, 'A `line_id` stands twice in the request or the draft.'],
  too_many_items: [400, 'More lines than an order may have; `allowed` is the limit.'],
  amount_sign: [400, 'The amount is zero, or its sign differs from that of the line.'],
  currency_mismatch: [400, 'The currency is not the currency of the order.'],
  authorization_id_required: [400, 'The order has multiple authorizations; `authorization_id` must say which one is meant.'],
  unknown_authorization: [400, 'The order has no successful authorization with this id.'],
  draft_empty: [400, 'The draft has no lines, so no order can be made of it.'],
  member_not_editable: [
    400,
    'This member of an order or line stays as it is; amounts change through a draft that reverses the line.',
  ],
  draft_not_open: [409, 'The draft is completed or deleted.'],
  order_not_open: [409, 'The order is closed.'],
  order_cancelled: [409, 'The order is cancelled.'],
  order_captured: [409, 'The order has captured money that was not refunded, so it can not be cancelled.'],
  order_id_exists: [409, 'Another order of the account has this `order_id`, or a draft holds it.'],
  line_id_exists: [409, 'The order already has a line with this `line_id`.'],
  replace_not_allowed: [409, 'The order has payment operations, so its content can not be replaced.'],
  reversal_exceeds_line: [409, 'The reversals of a line would take back more than the line; `allowed` is the largest amount.'],
  events_full: [
    400,
    'The events of the order, draft or transaction take all the room they may. Make another order; capture and refund without items.',
  ],
  operation_id_exists: [409, 'The order already has an operation with this `id`.'],
  already_authorized: [409, 'The line is authorized and the order was made without `multiple_authorizations`.'],
  amount_exceeds_authorizable: [409, 'More than is left to authorize on the line; `allowed` is the largest amount.'],
  amount_exceeds_capturable: [
    409,
    'More than is authorized and neither captured nor cancelled; `allowed` is the largest amount.',
  ],
  amount_exceeds_refundable: [409, 'More than is captured and not refunded; `allowed` is the largest amount.'],
  checkout_refused: [400, 'The checkout service refused the session that orders asked it for; the message says why.'],
  checkout_unavailable: [503, 'The checkout service did not create the session; nothing was recorded.'],

  // Sessions and profiles
  profile_not_found: [404, 'The account has no such session profile, or it was deleted.'],
  profile_unknown: [400, 'The session names a profile that the account does not have.'],
  profile_exists: [409, 'The account has a session profile with this profile_id.'],
  gateway_not_configured: [400, 'The account has no payment gateway. Production accounts need a real one.'],
  no_payment_product: [400, 'No payment product is left with which this order could be paid.'],
  payment_products_clash: [400, 'Two enabled payment products may not be combined.'],
  session_not_found: [404, 'The account has no such session.'],
  session_gone: [404, 'The session can no longer be paid; `cause` says why.'],
  session_finished: [400, 'The session is paid, declined, cancelled or expired, so it can no longer be changed.'],
  session_payment_in_progress: [409, 'A payment of this session is under way; wait for its outcome.'],
  session_locked: [412, 'The shop holds the pay lock of the session.'],
  session_not_locked: [400, 'The session must be locked before it is updated, or the call must say `update_without_lock`.'],
  session_lock_refused: [412, 'The session can not be locked: a payment is under way, or it is over.'],
  session_changed: [409, 'The session was changed by another request at the same time.'],
  session_incomplete: [400, 'The customer has not filled in what the session needs before it can be paid.'],
  session_amount_mismatch: [400, 'The amount of the order is not its lines added up.'],
  shipping_option_unknown: [400, 'The shipping option is not one that the session offers.'],
  payment_product_not_payable: [400, 'The payment product is not enabled for the session, or can not pay this order.'],
  token_not_supported: [400, 'The payment product can not make such a token on this account.'],
  express_callback_failed: [400, 'The shop did not answer the shipping or discount callback as it must; nothing was changed.'],

  // Card tokens
  card_token_not_active: [400, 'The card token was deleted, or is not active.'],
  card_token_blocked: [400, 'The issuer said never to try this card again.'],
  card_token_retry_limit: [400, 'Payments with this card failed as often as the card scheme allows in its time.'],

  // Settlements
  test_accounts_only: [403, 'Only test accounts (`T…`) can do this.'],

  // Gateways
  simulator_test_accounts_only: [403, 'The simulator serves test accounts (`T…`) only.'],
} as const satisfies Record<string, readonly [status: number, meaning: string]>

export type ErrorCode = keyof typeof errors

/** `error.code` as the checkout family publishes it (checkout-api §1.8, clients §6.8); ours stands in `errors[]`. */
export const publishedCodes: Readonly<Record<number, string>> = {
  400: 'INVALID_REQUEST_PARAMETER',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT FOUND',
  409: 'CONFLICT',
  412: 'PRECONDITION_FAILED',
  429: 'TOO_MANY_REQUESTS',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
}

/** One entry of `error.errors[]`: where the fault is (a JSON pointer into the request) and what would be allowed. */
export type ErrorDetail = {
  path?: string
  message: string
  code?: ErrorCode
  /** The largest amount, or the list of values, that would have been accepted. */
  allowed?: number | readonly (string | number)[]
}

/** What a pure core returns when a rule says no; a list when several lines are at fault. */
export type Refusal = ErrorDetail & { code: ErrorCode }

/** Thrown by the shell when a rule says no. Anything else that is thrown is a bug and becomes a 500. */
export class ApiError extends Error {
  readonly code: ErrorCode
  readonly details: ErrorDetail[]
  readonly headers: Record<string, string>
  /** Members that stand beside `code` and `message`, where the contract has them (checkout-api §3.10.2). */
  readonly extra: Record<string, unknown>

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: ErrorDetail[]; headers?: Record<string, string>; extra?: Record<string, unknown> } = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.details = options.details ?? []
    this.headers = options.headers ?? {}
    this.extra = options.extra ?? {}
  }

  get status(): number {
    return errors[this.code][0]
  }
}

/** The error that is sent for what the core refused; several things have the code and the message of the first. */
export function refused(refusal: Refusal | readonly Refusal[]): ApiError {
  const details = [refusal].flat() as Refusal[]
  const { code, message } = details[0]!
  return new ApiError(code, message, { details })
}

/** Throws what the core refused; does nothing when it refused nothing. */
export function throwRefusal(refusal: Refusal | readonly Refusal[] | undefined): void {
  if (refusal !== undefined && [refusal].flat().length > 0) throw refused(refusal)
}

/** An invariant that must hold in production too: breaking it is a 500 and an alarm, never a clamp. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}
