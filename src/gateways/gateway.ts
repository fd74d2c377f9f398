/*
 * Terminology
 *
 * - gateway: our code that speaks to one payment provider; a folder in gateways/
 * - intent: what we are about to ask for, committed before the gateway is called; its id is the idempotency key
 * - outcome: what the gateway answered. `unknown` is not `failed`: money may have moved, the resolver asks again
 */

/** What a payment product type can do (our `GET /v1/payment-product-types`). */
export type PaymentProduct = {
  payment_product_type: string
  /** Captured at once when authorized (Swish): it can be refunded, never voided. */
  direct_capture: boolean
  partial_capture: boolean
  partial_refund: boolean
  /** What is left of a part-captured authorization can be voided (checkout-api §4.5.7). */
  void_remainder: boolean
  /** May answer `held`, until a person decides (checkout-api §4.3). */
  may_hold: boolean
  /** Refunds are accepted now and settled later: the API answers 202 (checkout-api §4.5.6). */
  refund_later: boolean
  authorization_update: readonly ('extend' | 'amount' | 'pre_authorization' | 'release_hold')[]
  token_types: readonly ('payment_token' | 'recurrence_token')[]
  /** ISO 4217 codes, or `any`. */
  currencies: readonly string[] | 'any'
}

/** The provider's refusal, in the terms of checkout-api §4.3. `Rejected` lets the customer try another way to pay. */
export type GatewayError = {
  code?: string
  message: string
  type?: string[]
  result_code?: string
  retry_policy?: { retry_codes: string[]; retry_after?: string }
}

/** What every call carries. */
type Call = {
  account_id: string
  /** The operation's id: the same on every retry, so that the provider does the thing once. */
  idempotency_key: string
  transaction_id: string
  payment_product_type: string
  /** Minor units of `currency`. */
  amount: number
  currency: string
}

export type AuthorizeCall = Call & {
  session_id: string
  merchant_reference: string
  /** `purchase`: the customer is present. The others are merchant-initiated, with a token (checkout-api §3.9). */
  operation: 'purchase' | 'unscheduled_purchase' | 'recurring_purchase' | 'generate_payment_token'
  /**
   * The body of `POST /sessions/{id}/pay`: the published fields of its product type, and ours: `card` (`CardIn`) for card types
   * and, on test accounts, `simulate` (`approve | decline | cancel | hold`). Never stored: it may hold a card number.
   */
  payment: Readonly<Record<string, unknown>>
  /** Where the provider sends the customer back to, on our server. */
  return_url: string
  generate_payment_token?: boolean
  generate_recurrence_token?: boolean
  /** A token of an earlier payment, instead of card fields. */
  payment_token?: string
  recurrence_token?: string
  pre_authorization?: boolean
  /** The text on the customer's statement, where the provider lets it be chosen. */
  dynamic_descriptor?: string
  customer?: Readonly<Record<string, unknown>>
  /** Who opens the page: the provider may need it for its redirect. */
  language?: string
}

/** A call about an authorization made before. */
type FollowUp = Call & {
  /** What `authorize` answered. Most providers need it; the simulator also finds the payment by its transaction. */
  gateway_reference?: string
}
export type CaptureCall = FollowUp & { final_capture?: boolean; automatic?: boolean }
export type RefundCall = FollowUp
/** Releases `amount`, the whole rest of the authorization. With 0 it takes back an authorization that is not decided yet. */
export type VoidCall = FollowUp
export type UpdateAuthorizationCall = FollowUp & {
  update: 'extend' | 'amount' | 'pre_authorization' | 'release_hold'
  final_authorization?: boolean
  reason?: string
  reference?: string
}

/** `payment.card`: what the customer typed. */
export type CardIn = {
  number: string
  /** `MM/YY` or `MM/YYYY`. */
  expiry: string
  cvc: string
  cardholder_name?: string
}

/** What the transaction shows of the card (checkout-api §4.4); never the whole number. */
export type CardDetails = Readonly<Record<string, string>>

export type Succeeded = {
  outcome: 'succeeded'
  gateway_reference: string
  /** Copied to the event's, and on authorization also to the transaction's, metadata (checkout-api §4.6). */
  metadata?: Record<string, string | number>
}
export type Failed = {
  outcome: 'failed'
  error: GatewayError
  /** Authorize only: the session stays open for another try (`PAY_FAILED`), is `DECLINED` or cancelled by the customer, or `FAILED`. */
  reason?: 'rejected' | 'declined' | 'cancelled' | 'failed'
}
/** No answer, or one that can't be trusted. Ask again with the same key. */
export type Unknown = { outcome: 'unknown' }
/** Accepted; the provider settles it later. Ask again with the same key. */
export type Pending = { outcome: 'pending' }

export type OperationOutcome = Succeeded | Failed | Unknown | Pending
export type AuthorizeOutcome =
  | (Succeeded & {
      card?: CardDetails
      payment_token?: string
      recurrence_token?: string
      /** True when the money is already taken. */
      captured?: boolean
    })
  | Failed
  | Unknown
  | Pending
  /** The customer must go to `redirect_url` (3-D Secure, bank, wallet); `find` tells what came of it. */
  | { outcome: 'action_required'; redirect_url: string; gateway_reference: string }
  /** In manual review at the provider; `find` tells what came of it. */
  | { outcome: 'held'; gateway_reference: string }
/** `absent`: the provider never received a call with this key, so nothing moved (and with `call_off`, nothing ever will). */
export type FoundOutcome = AuthorizeOutcome | { outcome: 'absent' }

/**
 * One payment provider. Every call may take up to the gateway time-out and never throws for what the provider says;
 * a thrown error counts as `unknown`. Calling again with the same key must not do the thing twice.
 */
export type Gateway = {
  readonly name: string
  readonly products: readonly PaymentProduct[]
  authorize(call: AuthorizeCall): Promise<AuthorizeOutcome>
  capture(call: CaptureCall): Promise<OperationOutcome>
  refund(call: RefundCall): Promise<OperationOutcome>
  void(call: VoidCall): Promise<OperationOutcome>
  updateAuthorization(call: UpdateAuthorizationCall): Promise<OperationOutcome>
  /**
   * What really happened to the call with this key. With `call_off`, a call that has not arrived by now must be refused when it does:
   * only then may the gateway say `absent`; as long as it can't promise that, the answer is `unknown`.
   */
  find(query: { account_id: string; idempotency_key: string; call_off?: boolean }): Promise<FoundOutcome>
}

/** The gateways an account may use. Test accounts have the simulator; production accounts have only real ones. */
export type Gateways = {
  /** The gateway that speaks for this payment product type on this account, if any. */
  find(account_id: string, payment_product_type: string): Gateway | undefined
  /** Every payment product type the account can use, with what it can do. */
  products(account_id: string): readonly PaymentProduct[]
}
