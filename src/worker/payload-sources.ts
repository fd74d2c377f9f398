import type { Parts } from '../app.ts'
import { cardTokenView } from '../checkout/card-tokens/card-token.ts'
import { findCardToken } from '../checkout/card-tokens/store.ts'
import { readSession, showSession } from '../checkout/sessions/operations.ts'
import { settlementView } from '../checkout/settlements/settlement.ts'
import { findSettlement } from '../checkout/settlements/store.ts'
import { findTransaction } from '../checkout/transactions/store.ts'
import { asOf, transactionView } from '../checkout/transactions/view.ts'
import type { PayloadSources } from '../notifications/deliveries/payload.ts'
import { draftAt } from '../orders/drafts/operations.ts'
import { orderAt } from '../orders/orders/operations.ts'

/** Where the payloads of webhooks and callbacks come from. A process tells only about the services whose tables it has. */
export function payloadSources(parts: Parts): PayloadSources {
  const { sql, role } = parts
  const orders: PayloadSources = {
    order: (account_id, id, sequence) => orderAt(sql, account_id, id, sequence),
    draft: (account_id, id, sequence) => draftAt(sql, account_id, id, sequence),
  }
  const checkout: PayloadSources = {
    transaction: async (account_id, id, sequence) => {
      const transaction = await findTransaction(sql, account_id, id)
      return transaction && transactionView(asOf(transaction, sequence))
    },
    session: async (account_id, id) => showSession(parts, await readSession(parts, account_id, id)),
    card_token: async (account_id, id) => {
      const token = await findCardToken(sql, account_id, id)
      return token && cardTokenView(token)
    },
    settlement: async (account_id, id) => {
      const settlement = await findSettlement(sql, account_id, id)
      return settlement && settlementView(settlement)
    },
  }
  if (role === 'orders') return orders
  if (role === 'checkout') return checkout
  return { ...orders, ...checkout }
}
