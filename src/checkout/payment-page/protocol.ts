/*
 * Terminology
 *
 * - stage: what the page shows; derived from the session by the server, never kept by the browser
 * - final event: the one message that ends the page (clients §1.8); the server decides it, the script only posts it
 *
 * Types only, shared by the server and the script in web/payment-page. Nothing here exists at run time.
 */

/** What the page shows. `open` is the only one in which the customer can pay. */
export type Stage =
  | 'open'
  | 'locked'
  | 'processing'
  | 'paid'
  | 'held'
  | 'failed'
  | 'declined'
  | 'cancelled'
  | 'expired'
  | 'not_found'
  /** We could not read the session. */
  | 'error'

/** The message that ends the page; `href` is the merchant's return_url with its parameters (checkout-api §6.1). */
export type FinalEvent = {
  type: 'SessionPaymentAuthorized' | 'SessionPaymentOnHold' | 'SessionPaymentError' | 'SessionCancel'
  href: string
  merchant_reference: string
  transaction_id?: string
  error?: string
}

/** The texts that the script itself puts on the page. */
export type ScriptText =
  | 'processing'
  | 'locked'
  | 'updated'
  | 'expiring'
  | 'in_progress'
  | 'declined'
  | 'offline'
  | 'server_error'
  | 'leaving'
  | 'validating'
  | 'validation_failed'
  | 'waiting_app'
  | 'scan_qr'
  | 'this_device'
  | 'required'
  | 'card_number_wrong'
  | 'card_expiry_wrong'
  | 'card_expired'
  | 'card_cvc_wrong'
  | 'phone_number_wrong'
  | 'email_wrong'
  | 'postal_code_wrong'
  | 'organization_number_wrong'
  | 'social_security_number_wrong'
  | 'choose_product'
  | 'checkbox_required'
  | 'code_refused'
  | 'address_refused'
  | 'shipping_refused'
  | 'popout_open'
  | 'popout_focus'
  | 'popout_close'
  | 'popout_description'
  | 'popout_failed'
  | 'try_again'

/** What the server tells the script beside the HTML. */
export type PageState = {
  sid: string
  stage: Stage
  language: string
  /** The title of the document. */
  title: string
  /** The session as the customer may see it; the payload of SessionLoaded and SessionUpdated. */
  session?: PageSession
  final?: FinalEvent
  /** While a payment is under way: what to ask before the session is read again; asks the provider too. */
  poll_path?: string
  /** The provider's page that the customer may have left. */
  continue_url?: string
  /** Now and in the future by the server's clock, for the check of a card's expiry. */
  now: string
  /** While it can be paid: when the page says until when, from then on nothing or less. */
  warn_in_ms?: number
  texts: Readonly<Record<ScriptText, string>>
  /** The colour of the pop-out button. */
  button: { background: string; color: string; radius: string }
}

/** The parts of the session that the script reads. */
export type PageSession = {
  id: string
  updated_at?: string
  order?: Record<string, unknown> & { amount?: number }
  express?: unknown
  [member: string]: unknown
}
