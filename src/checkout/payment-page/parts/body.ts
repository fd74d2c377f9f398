import { type Html, html, safeHref } from '../../../lib/html.ts'
import { amountToPay } from '../../sessions/order.ts'
import { fill, type Texts, timeOfDay } from '../language.ts'
import { enabledProducts, selectedProduct } from '../products.ts'
import type { Stage } from '../protocol.ts'
import { type Ended, type MerchantView, wasRefused } from '../view.ts'
import { amountText, type Context, pageQuery, type RefusedForm } from './context.ts'
import { checkboxes, expressMissing, expressParts, firstText } from './express.ts'
import { header, message } from './frame.ts'
import { type Icon, icon } from './icons.ts'
import { productList } from './products.ts'
import { summary } from './summary.ts'

/** What has become of a session that is over: the title, the text below it and the drawing. */
export const ends: Partial<Record<Stage, readonly [title: keyof Texts, text: keyof Texts, icon: Icon]>> = {
  paid: ['paid_title', 'paid', 'done'],
  held: ['held_title', 'held', 'later'],
  failed: ['failed_title', 'failed', 'cross'],
  declined: ['failed_title', 'failed', 'cross'],
  cancelled: ['cancelled_title', 'cancelled', 'cross'],
  expired: ['expired_title', 'expired', 'later'],
  not_found: ['not_found_title', 'not_found', 'cross'],
  error: ['title', 'server_error', 'cross'],
}

/** Everything inside the page's frame: what the script swaps when the session has changed. */
export function body(context: Context, rest: { merchant: MerchantView | undefined; ended: Ended | undefined }): Html {
  return html`${header(context, rest.merchant)}
<main data-stage="${context.stage}">${
    context.query.loader === 'true'
      ? waiting(context, context.t.validating)
      : context.stage === 'open' || context.stage === 'locked'
        ? payment(context)
        : context.stage === 'processing'
          ? waiting(context, context.t.processing, rest.ended?.continue_url)
          : outcome(context, rest.ended?.final?.href ?? rest.ended?.return_url)
  }</main>`
}

function waiting({ t }: Context, text: string, continue_url?: string): Html {
  return html`<h1 class="unseen">${t.title}</h1><section class="card centre" data-testid="waiting"><div class="spinner"
 aria-hidden="true"></div>${message(text, 'info')}
${continue_url && html`<p><a class="button" href="${continue_url}" data-testid="continue">${t.continue}</a></p>`}</section>`
}

/** The end of a session: what happened, and the way back to the shop. Without JavaScript the browser goes there by itself. */
function outcome(context: Context, href: string | undefined): Html {
  const { t, stage } = context
  const [title, text, drawing] = ends[stage] ?? ends.not_found!
  const back = safeHref(href)
  return html`<section class="card centre outcome" data-outcome="${stage}">${icon(drawing)}<h1>${t[title]}</h1>${message(t[text], 'info')}
${back && html`<p><a class="button" href="${back}" target="_top" data-testid="back">${t.back_to_shop}</a></p>`}
${stage === 'error' && html`<p><a class="button" href="?${pageQuery(context)}" data-testid="again">${t.try_again}</a></p>`}</section>`
}

function payment(context: Context): Html {
  const { t, session, stage, query } = context
  const amount = amountToPay({ amount: 0, ...session.order })
  const products = enabledProducts(session.configuration, t, amount)
  const selected = selectedProduct(products, query.product, session.configuration)
  const terms = safeHref(session.url?.merchant_terms_url)
  const missing = expressMissing(context)
  const ofForm = (name: RefusedForm['name']) => ({ ...context, form: context.form?.name === name ? context.form : undefined })
  const notice = stage === 'locked' ? t.locked : noticeOf(context)
  const launcher = query.role === 'pop_out_launcher'
  return html`<h1 class="unseen">${t.title}</h1>${expiring(context)}${message(notice, stage === 'locked' ? 'info' : 'error')}
${summary(context)}${expressParts(ofForm('address'))}
<section class="card" id="payment"${launcher ? html` data-launcher="true"` : ''}>
<form id="pay-form" method="post" action="?form=pay&${pageQuery(context)}" data-form="pay"
 novalidate${missing ? html` data-missing="${missing}"` : ''}>
${session.updated_at && html`<input type="hidden" name="seen" value="${session.updated_at}">`}
${launcher ? html`<div class="launcher" aria-hidden="true"></div>` : productList(ofForm('pay'), products, selected)}
${session.express && checkboxes(ofForm('pay'))}
${missing && html`<p class="hint" data-testid="express-missing">${firstText(context)}</p>`}
${
  terms &&
  products.length > 0 &&
  html`<p class="hint terms">${t.terms} <a href="${terms}" target="_blank" rel="noopener noreferrer"
 data-testid="terms">${t.terms_link}</a></p>`
}
${
  !launcher &&
  products.length > 0 &&
  html`<button type="submit" class="pay" data-testid="pay"${missing || stage === 'locked' || !selected ? html` disabled` : ''}>${
    amount === 0 ? t.complete : payLabel(context, amount)
  }</button>`
}</form></section>
<form method="post" action="page/cancel?${pageQuery(context)}" data-form="cancel" class="cancel"><button type="submit"
 class="plain" data-testid="cancel">${t.cancel}</button></form>`
}

/** Until when it can be paid, once that is soon (WCAG 2.2.1); the script says it by the customer's own clock. */
function expiring({ t, language, session, ends_soon }: Context): Html {
  const text = ends_soon && fill(t.expiring, { time: timeOfDay(language, session.expires_at!) })
  return html`<div id="expiring" class="message" data-testid="expiring" data-kind="info">${text}</div>`
}

/** What came of the last form, in a browser without JavaScript; or of the last payment. */
function noticeOf(context: Context): string | undefined {
  const { t, query, session } = context
  if (query.notice === 'address_first') return firstText(context)
  const notices = ['declined', 'address_refused', 'shipping_refused', 'code_refused', 'updated', 'server_error'] as const
  const notice = notices.find((name) => name === query.notice)
  return notice ? t[notice] : wasRefused(session) ? t.declined : undefined
}

function payLabel(context: Context, amount: number): string {
  return context.t.pay.replace('{amount}', () => amountText(context, amount))
}
