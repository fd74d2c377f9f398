import { type Html, html, safeHref } from '../../../lib/html.ts'
import { amountToPay } from '../../sessions/order.ts'
import { languages } from '../language.ts'
import { enabledProducts } from '../products.ts'
import type { MerchantView } from '../view.ts'
import type { Context } from './context.ts'

/** The merchant's name and logo, and the choice of language. Works without JavaScript: the form reloads the page. */
export function header(context: Context, merchant: MerchantView | undefined): Html {
  const { t, language, query, sid } = context
  const logo = safeHref(merchant?.logo_url)
  const name = merchant?.name ?? ''
  const kept = Object.entries({ sid, ui: query.ui, role: query.role, sdk: query.sdk, ...flags(context) })
  return html`<header>${testBanner(context)}<div class="top"><div class="brand">${
    logo
      ? html`<img src="${logo}" alt="${name}" referrerpolicy="no-referrer" height="32" width="160">`
      : html`<span class="merchant" data-testid="merchant">${name}</span>`
  }</div>
<form method="get" class="language" data-form="language">${kept.map(
    ([key, value]) => value && html`<input type="hidden" name="${key}" value="${value}">`,
  )}<label for="language" class="unseen">${t.language}</label>
<select id="language" name="language" data-testid="language">${Object.entries(languages).map(
    ([code, { name: label, locale }]) =>
      html`<option value="${code}" lang="${locale}"${code === language ? html` selected` : ''}>${label}</option>`,
  )}</select><button class="plain no-script" type="submit">${t.change}</button></form></div></header>`
}

function flags({ query }: Context) {
  const { client_side_validation, client_side_address_callback, hide_test_message, sdk_not_top_level, product } = query
  return { client_side_validation, client_side_address_callback, hide_test_message, sdk_not_top_level, product }
}

/** Test accounts say so, and which card pays when a card can, unless the merchant's page hides it. */
function testBanner({ t, test, query, stage, session }: Context): Html | false {
  if (!test || query.hide_test_message === 'true') return false
  const payable = stage === 'open' || stage === 'locked'
  const products = payable ? enabledProducts(session.configuration, t, amountToPay({ amount: 0, ...session.order })) : []
  const card = products.some((product) => product.kind === 'card' && product.payable)
  return html`<p class="test-banner" data-testid="test-banner">${t.test_banner}${card && ` ${t.test_data}`}</p>`
}

/** The one place for messages. The script repeats it in the region that stays when the page is replaced: `status` in `document`. */
export function message(text: string | undefined, kind: 'error' | 'info' = 'error'): Html {
  return html`<div id="message" class="message" tabindex="-1" data-testid="message" data-kind="${kind}">${text}</div>`
}
