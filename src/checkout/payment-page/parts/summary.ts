import { type Html, html } from '../../../lib/html.ts'
import { number } from '../language.ts'
import type { DiscountView, ItemView } from '../view.ts'
import { amountText, type Context } from './context.ts'

/** In a direction of its own: beside an Arabic or Hebrew name, the amount would change places and its minus sides. */
const discountText = ({ t }: Context, { description }: DiscountView) => html`<bdi>${description || t.discount}</bdi>`

function discountRow(context: Context, discount: DiscountView): Html | '' {
  if (!discount.amount) return ''
  return html`<li class="discount"><span>${discountText(context, discount)}</span><span>
${amountText(context, -discount.amount)}</span></li>`
}

/** A line's discounts are inside its amount already: told beside its name, so that nobody counts them again. */
function discountNote(context: Context, discount: DiscountView): Html | '' {
  if (!discount.amount) return ''
  return html`<span class="discount note">${discountText(context, discount)}: ${amountText(context, -discount.amount)}</span>`
}

function itemRow(context: Context, item: ItemView): Html {
  const { quantity = 1 } = item
  const times = quantity !== 1 && html`<span class="hint">${number(context.language, quantity)} × </span>`
  return html`<li data-testid="item"><span>${times}<bdi>${item.description || item.id || item.line_id}</bdi>${(
    item.discount_lines ?? []
  ).map((discount) => discountNote(context, discount))}</span>
<span>${item.amount === undefined ? '' : amountText(context, item.amount)}</span></li>`
}

/** What is paid for: lines, discounts, shipping, VAT, total. */
export function summary(context: Context): Html {
  const { t, session } = context
  const order = session.order ?? {}
  const items = order.items ?? []
  const shipping = order.shipping_option
  const vat =
    order.vat_amount ?? items.reduce((sum, item) => sum + (item.vat_amount ?? 0), 0) + Math.round(shipping?.vat_amount ?? 0)
  const lines = items.length > 0 || shipping !== undefined
  const list = html`<ul class="lines">${items.map((item) => itemRow(context, item))}
${(order.discount_lines ?? []).map((discount) => discountRow(context, discount))}
${
  shipping &&
  html`<li data-testid="shipping"><span>${t.shipping}: <bdi>${shipping.title}</bdi></span><span>
${shipping.amount ? amountText(context, shipping.amount) : t.free}</span></li>`
}
${(order.gift_cards ?? []).map(
  (card) =>
    html`<li><span>${t.gift_card} ${card.masked_card_token}</span><span>${amountText(context, -(card.amount ?? 0))}</span></li>`,
)}</ul>`
  return html`<section class="card summary" id="summary" aria-labelledby="summary-title"><h2 id="summary-title">${t.order_summary}</h2>
${lines && list}
<dl class="totals">${
    vat > 0 &&
    html`<div class="hint"><dt>${t.vat_included}</dt><dd data-testid="vat">
${amountText(context, vat)}</dd></div>`
  }
<div class="total"><dt>${t.total}</dt><dd data-testid="amount">${amountText(context, order.amount ?? 0)}</dd></div></dl></section>`
}
