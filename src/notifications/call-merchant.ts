import type { Sql } from '../lib/db.ts'
import { isDryRun, notInDryRun } from '../lib/dry-run.ts'
import type { Clock } from '../lib/ids.ts'
import { limits } from '../lib/limits.ts'
import type { Outbound } from './outbound.ts'
import { dinteroSignature } from './signature/signature.ts'
import { findSignature } from './signature/store.ts'

/** What came of asking the merchant: his answer, `body` parsed if it is JSON; or why there was none. */
export type MerchantAnswer = { status: number; body: unknown } | { status: undefined; error: string }

/** Asks the merchant something while a customer waits. */
export type CallMerchant = (account_id: string, url: string, body: unknown) => Promise<MerchantAnswer>

/**
 * Express callbacks (checkout-api §6.4, §6.5): one signed POST, up to 60 seconds, no retry, no redirect. Only the caller knows
 * what a good answer is (200 and nothing else). Never throws for what the merchant's server does.
 */
export function callMerchant(parts: { sql: Sql; clock: Clock; outbound: Outbound }): CallMerchant {
  const { sql, clock, outbound } = parts
  return async (account_id, url, body) => {
    if (isDryRun()) throw notInDryRun("the merchant's server")
    const secret = (await findSignature(sql, account_id))?.signature.secret
    const headers: Record<string, string> = {
      'user-agent': 'Dintero-Checkout/1 (Kvitt)',
      'content-type': 'application/json',
      accept: 'application/json',
    }
    if (secret && URL.canParse(url)) {
      const now_s = Math.floor(clock.now().getTime() / 1_000)
      headers['dintero-signature'] = dinteroSignature(secret, now_s, account_id, 'POST', url)
    }
    const timeout_ms = limits.express_callback_timeout_ms
    // The answer may bring all lines of the order, and so is as large as what a shop may send.
    const answer_bytes = limits.body_bytes
    const result = await outbound.call({ method: 'POST', url, headers, body: JSON.stringify(body), timeout_ms, answer_bytes })
    if (!('status' in result)) return { status: undefined, error: result.error }
    if (result.truncated) return { status: undefined, error: 'The answer is too large, or did not come to its end.' }
    return { status: result.status, body: parsed(result.body) }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
