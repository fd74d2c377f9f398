import { createHash } from 'node:crypto'
import { formatMoney } from '../../lib/currency.ts'
import { escapeHtml } from '../../lib/html.ts'
import type { Decision, Movement, Payment } from './payment.ts'
import { findProduct } from './products.ts'

const style = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}
body{margin:0;display:grid;place-items:center;min-height:100vh}main{max-width:26rem;padding:1.5rem;width:100%;box-sizing:border-box}
h1{font-size:1.25rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}dd{margin:0;text-align:right;overflow-wrap:anywhere}
.amount{font-size:2rem;font-weight:600}.note{opacity:.85}
button{display:block;width:100%;margin:.5rem 0;padding:.75rem;font:inherit;border-radius:.5rem;border:1px solid currentColor}
button{background:transparent;color:inherit;cursor:pointer}button[value=approve]{background:#0b6b3a;border-color:#0b6b3a;color:#fff}
button:focus-visible{outline:3px solid #1a73e8;outline-offset:2px}`

const styleHash = createHash('sha256').update(style).digest('base64')

/**
 * Sent with the page. No script runs, nothing is loaded. The decision ends in a redirect to the merchant's site or app, which browsers
 * count as part of the form's action: so that is not narrowed. Nothing but its own name would stand for the scheme of an app.
 */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-robots-tag': 'noindex',
}

const labels: Record<Decision, string> = { approve: 'Approve', decline: 'Decline', cancel: 'Cancel', hold: 'Hold for review' }

/** The pretend bank, wallet or 3-D Secure page of one payment: what is asked for, and a button for each way it can end. */
export function paymentPage(payment: Payment, movement: Movement): string {
  const open = movement.state === 'waiting' || movement.state === 'held'
  const held = movement.state === 'held'
  const type = payment.payment_product_type
  const name =
    movement.detail.card && /creditcard$/.test(type) ? 'Pretend bank: confirm your card payment' : `Pretend payment with ${type}`
  const choices: Decision[] = held
    ? ['approve', 'decline']
    : ['approve', 'decline', 'cancel', ...(findProduct(type)?.may_hold ? (['hold'] as const) : [])]
  const rows: [string, string][] = [
    ['Reference', payment.merchant_reference],
    ['Account', payment.account_id],
    ['Payment method', type],
    ...(payment.masked_pan ? ([['Card', payment.masked_pan]] as [string, string][]) : []),
  ]
  const amount = formatMoney('en', payment.amount, payment.currency, 'code')
  const buttons = choices.map(
    (decision) => `<button name="decision" value="${decision}" data-testid="${decision}">${labels[decision]}</button>`,
  )
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)}</title><style>${style}</style></head><body><main><h1>${escapeHtml(name)}</h1>
<p class="note">This is a test. No real money moves.</p><p class="amount" data-testid="amount">${escapeHtml(amount)}</p>
<dl>${rows.map(([term, value]) => `<dt>${term}</dt><dd>${escapeHtml(value)}</dd>`).join('')}</dl>
${open ? `${held ? '<p>The payment is held for review.</p>' : ''}<form method="post">${buttons.join('')}</form>` : outcome(movement)}
</main></body></html>`
}

function outcome(movement: Movement): string {
  const text = movement.state === 'succeeded' ? 'This payment is approved.' : 'This payment is over.'
  const back = movement.detail.return_url
  const link = back && /^https?:/.test(back) ? `<p><a href="${escapeHtml(back)}">Back to the shop</a></p>` : ''
  return `<p data-testid="outcome">${text}</p>${link}`
}
