import { safeHref } from '../../lib/html.ts'
import { accountIn } from '../../lib/ids.ts'
import { findCardToken } from '../card-tokens/store.ts'
import { findOperation } from '../operations-log/store.ts'
import type { SessionParts } from '../sessions/operations.ts'
import { causeOf, returnUrl, type SessionRow } from '../sessions/session.ts'
import { findSession } from '../sessions/store.ts'
import { type Customer, showOpen } from '../view/operations.ts'
import type { Ended, MerchantView, SessionView, View } from './view.ts'

/**
 * What the page shows of this session; of one that can no longer be paid, how it ended and where the customer goes.
 * The first time from this browser, an open session records the visit.
 */
export async function readView(parts: SessionParts, customer: Customer): Promise<View> {
  const { sid } = customer
  const account_id = accountIn(sid)
  // A null character in the address: PostgreSQL's text has none, so no id has one.
  const session = account_id && !sid.includes('\0') ? await findSession(parts.sql, account_id, sid, { events: true }) : undefined
  if (!session) return { stage: 'not_found' }
  const cause = causeOf(session, parts.clock.now())
  if (cause === undefined) {
    const shown = (await showOpen(parts, customer, session)) as SessionView
    const asks_shop = session.data.express?.shipping_address_callback_url !== undefined
    return { session: shown, saved_cards: await savedCards(parts, session.account_id, shown), asks_shop }
  }
  const merchant = session.data.merchant as MerchantView | undefined
  const common = {
    ...(merchant ? { merchant } : {}),
    ...(session.data.url.return_url ? { return_url: session.data.url.return_url } : {}),
  }
  // Not knowing is not failing: the money may be reserved. The page waits until the resolver knows.
  if (session.outcome === 'UNKNOWN' || cause === 'PAYMENT_INITIATED') {
    return { stage: 'processing', ...common, ...(await underWay(parts, session)) }
  }
  return { ...common, ...endOf(session, cause) }
}

/** How the saved cards of a session are shown, by product; one that can no longer be used is left out. */
async function savedCards({ sql }: SessionParts, account_id: string, { customer }: SessionView): Promise<Record<string, string>> {
  const cards: Record<string, string> = {}
  for (const [type, { payment_token_id }] of Object.entries(customer?.tokens ?? {})) {
    const token = payment_token_id === undefined ? undefined : await findCardToken(sql, account_id, payment_token_id)
    if (!payment_token_id || (token && token.status !== 'ACTIVE')) continue
    const { card_brand, masked_pan } = token ?? {}
    cards[type] = masked_pan ? `${brandNames[card_brand ?? ''] ?? ''} •••• ${masked_pan.slice(-4)}`.trim() : ''
  }
  return cards
}

const brandNames: Record<string, string> = { visa: 'Visa', mastercard: 'Mastercard' }

/** The payment that is under way: where to ask how it goes, and the provider's page that the customer may have left. */
async function underWay({ sql }: SessionParts, session: SessionRow): Promise<Partial<Ended>> {
  const { account_id, id, operation_id } = session
  const operation = operation_id === null ? undefined : await findOperation(sql, account_id, operation_id)
  if (!operation) return {}
  const continue_url = operation.state === 'action_required' ? safeHref(operation.outcome?.redirect_url) : undefined
  return { poll_path: `v1/view/${id}/payments/${operation.id}/status`, ...(continue_url ? { continue_url } : {}) }
}

const ends = {
  AUTHORIZED: { stage: 'paid', type: 'SessionPaymentAuthorized' },
  ON_HOLD: { stage: 'held', type: 'SessionPaymentOnHold' },
  DECLINED: { stage: 'declined', type: 'SessionPaymentError', error: 'authorization' },
  FAILED: { stage: 'failed', type: 'SessionPaymentError', error: 'failed' },
  CANCELLED: { stage: 'cancelled', type: 'SessionCancel', error: 'cancelled' },
} as const

function endOf(session: SessionRow, cause: keyof typeof ends | 'EXPIRED'): Ended {
  if (cause === 'EXPIRED') return { stage: 'expired' }
  const { stage, type, ...rest } = ends[cause]
  const error = 'error' in rest ? rest.error : undefined
  const transaction_id = cause === 'CANCELLED' ? null : session.transaction_id
  const href = safeHref(returnUrl(session, { transaction_id, ...(error ? { error } : {}) }))
  if (!href) return { stage }
  const { merchant_reference } = session.data.order
  const final = {
    type,
    href,
    merchant_reference,
    ...(transaction_id ? { transaction_id } : {}),
    ...(error ? { error } : {}),
  }
  return { stage, final }
}
