import { type CallbackDetails, callbackRequest } from './callback.ts'

type Source = (account_id: string, id: string, sequence: number) => Promise<Record<string, unknown> | undefined>

/**
 * Where payloads come from: the aggregate as it was at its event number `sequence`, in the form of the public API. Wired by
 * `app.ts`. A process tells only about what it has a source for.
 */
export type PayloadSources = {
  transaction?: Source
  /** As it is now: sessions are told only inside a transaction's callback, or to find the id of one. */
  session?: (account_id: string, id: string) => Promise<Record<string, unknown> | undefined>
  order?: Source
  draft?: Source
  card_token?: Source
  settlement?: Source
}

/** What a payload is built for. */
export type Told = {
  account_id: string
  id: string
  event: string
  aggregate_type: string
  aggregate_id: string
  sequence: number
  details: Record<string, unknown>
  replay_of?: string | null
}

/** The body of a session callback by POST: the transaction, with its session if asked for (checkout-api §6.2); none without one. */
export async function callbackBody(told: Told, sources: PayloadSources): Promise<Record<string, unknown> | undefined> {
  const details = told.details as CallbackDetails
  if (told.aggregate_type !== 'transaction') return undefined
  const transaction = await sources.transaction?.(
    told.account_id,
    told.aggregate_id,
    details.transaction_sequence ?? told.sequence,
  )
  if (!transaction || !callbackRequest({ ...details, reason: 'authorized' })?.with_session) return transaction
  return { ...transaction, session: await sources.session?.(told.account_id, details.session_id) }
}

/** The body of a webhook: who, what, which number, and the object under its noun (checkout-api §6.6, orders-api §4.10). */
export async function webhookBody(told: Told, sources: PayloadSources): Promise<Record<string, unknown>> {
  const { account_id, event, id, sequence } = told
  if (event === 'ping') return { account_id, event, event_delivery: id, ...told.details }
  return {
    account_id,
    event,
    event_delivery: id,
    sequence,
    ...(told.replay_of ? { replay_of: told.replay_of } : {}),
    ...(await objectOf(told, sources)),
  }
}

/** The members of a webhook's body beside the envelope. An object that is gone is told by its id. */
async function objectOf(told: Told, sources: PayloadSources): Promise<Record<string, unknown>> {
  const { account_id, aggregate_id, sequence, details, event } = told
  const read = async (source: Source | undefined) =>
    (await source?.(account_id, aggregate_id, sequence)) ?? { id: aggregate_id, ...details }
  if (event === 'checkout_authorization') {
    const transaction = told.aggregate_type === 'transaction' ? await read(sources.transaction) : undefined
    const { merchant_reference, session_id } = { ...transaction, ...details } as Partial<CallbackDetails>
    const authorization = { merchant_reference, session_id, transaction_id: transaction?.id, error: details.error }
    return { authorization, transaction }
  }
  switch (told.aggregate_type) {
    case 'transaction':
      return { transaction: await read(sources.transaction) }
    case 'card_token':
      return { token: await read(sources.card_token) }
    case 'settlement':
      return { settlement: await read(sources.settlement) }
    case 'draft':
      return { draft: await read(sources.draft) }
    case 'order':
      if (event !== 'shopping_order_event_add') return { order: await read(sources.order) }
      return { order_id: aggregate_id, order_event: details.order_event ?? details }
    default:
      return { [told.aggregate_type]: { id: aggregate_id, ...details } }
  }
}
