import { type Html, html, safeHref } from '../../../lib/html.ts'
import { asText } from '../../../lib/object.ts'
import { isAddress } from '../../sessions/order.ts'
import { languages, timeSpan } from '../language.ts'
import type { CheckboxView, ShippingView } from '../view.ts'
import { amountText, type Context, pageQuery } from './context.ts'
import { addressFields, marks, wrongText } from './fields.ts'

/** What an express session still lacks before it can be paid (checkout-api §3.2.3). */
export function expressMissing(context: Context): 'address' | 'shipping_option' | undefined {
  const { express, order } = context.session
  if (!express) return undefined
  if (!hasAddress(context)) return 'address'
  return hasDelivery(context) && !order?.shipping_option ? 'shipping_option' : undefined
}

/** An address that delivery and payment can go by: not one that the shop gave itself and has to be asked about still. */
function hasAddress(context: Context): boolean {
  const { order, express, events = [] } = context.session
  const waits = context.asks_shop && isShipped(context) && !express?.shipping_options?.length
  const asked = events.some(({ name }) => name === 'SET_SHIPPING_ADDRESS' || name === 'UPDATE_SESSION')
  return isAddress(order?.shipping_address) && (asked || !waits)
}

const isShipped = ({ session }: Context) => session.express?.shipping_mode !== 'shipping_not_required'

/** True when a delivery has to be chosen, now or once the address is known. */
function hasDelivery(context: Context): boolean {
  const offered = (context.session.express?.shipping_options ?? []).length > 0
  return isShipped(context) && (offered || context.asks_shop)
}

/** What to do before paying. */
export function firstText(context: Context): string {
  return hasDelivery(context) ? context.t.address_first : context.t.address_only
}

/** Address, delivery and discount codes of an express session. */
export function expressParts(context: Context): Html | false {
  return context.session.express !== undefined && html`${address(context)}${shipping(context)}${discountCodes(context)}`
}

function address(context: Context): Html {
  const { t, session, form } = context
  const configuration = session.configuration ?? {}
  const types = session.express?.customer_types?.length ? session.express.customer_types : ['b2c', 'b2b']
  const value = session.order?.shipping_address
  const usual = value?.business_name ? 'b2b' : ((configuration.default_customer_type as string | undefined) ?? types[0])
  const preferred = form?.filled.get('customer_type') ?? usual
  const company = types.includes('b2b') && (preferred === 'b2b' || !types.includes('b2c'))
  const differing = (configuration.allow_different_billing_shipping_address ?? []) as string[]
  const billing = session.order?.billing_address
  const differs = billing !== undefined && value !== undefined && JSON.stringify(billing) !== JSON.stringify(value)
  return html`<section class="card" id="express-address"><form method="post" action="?form=address&${pageQuery(context)}"
 data-form="address" novalidate><h2>${isShipped(context) ? t.express_title : t.address_title}</h2>
${
  types.length > 1 &&
  html`<fieldset class="inline-choice"><legend>${t.customer_type}</legend>${types.map(
    (type) =>
      html`<label class="choice"><input type="radio" name="customer_type" id="customer-type-${type}" value="${type}"
 data-testid="customer-type-${type}"${
   (type === 'b2b') === company ? html` checked` : ''
 }><span>${type === 'b2b' ? t.b2b : t.b2c}</span></label>`,
  )}</fieldset>`
}
<div class="fields">${addressFields(context, {
    prefix: 'shipping_address',
    value,
    company: types.includes('b2b'),
    contact: true,
  })}</div>
${
  differing.length > 0 &&
  html`<label class="choice"><input type="checkbox" name="other_billing" id="other-billing" value="true"
 data-testid="other-billing"${(form ? form.filled.has('other_billing') : differs) ? html` checked` : ''}>
<span>${t.other_billing}</span></label><div class="fields billing"><h3>
${t.billing_title}</h3>${addressFields(context, {
    prefix: 'billing_address',
    value: differs ? billing : undefined,
    company: types.includes('b2b'),
    contact: false,
    testid: 'billing-',
  })}</div>`
}
<button type="submit" class="${hasAddress(context) ? 'secondary' : 'button'}" id="save-address" data-testid="save-address">
${t.save_address}</button></form></section>`
}

function shipping(context: Context): Html | false {
  const { t, session } = context
  const options = session.express?.shipping_options ?? []
  if (!isShipped(context) || !hasAddress(context)) return false
  if (options.length === 0) {
    return (
      context.asks_shop &&
      html`<section class="card" id="express-shipping"><p class="message" data-kind="error" data-testid="no-shipping">
${t.no_shipping}</p></section>`
    )
  }
  // Options with the same id are one product in several forms (checkout-api §2.6): they stand together.
  const ids = [...new Set(options.map((option) => option.id))]
  return html`<section class="card" id="express-shipping"><form method="post" action="page/shipping?${pageQuery(context)}"
 data-form="shipping"><fieldset><legend><h2>
${t.shipping_title}</h2></legend>${ids.map((id) => {
    const members = options.filter((option) => option.id === id)
    const together = members.length > 1 && members.every(({ title }) => title === members[0]!.title)
    return together
      ? html`<fieldset class="shipping-group"><legend>${members[0]!.title ?? id}</legend>${members.map((option) =>
          shippingRow(context, option, differenceOf(context, option)),
        )}</fieldset>`
      : members.map((option) => shippingRow(context, option))
  })}</fieldset><button type="submit" class="secondary no-script" data-testid="choose-shipping">${t.choose}</button></form></section>`
}

/** What tells one form of a product from the others: the place or the time. */
function differenceOf(context: Context, option: ShippingView): string | undefined {
  return placeText(option) || slotText(context, option)
}

function placeText({ pick_up_address: place }: ShippingView): string | undefined {
  return place && [place.business_name, place.address_line, place.postal_place].map(asText).filter(Boolean).join(', ')
}

/** Clocks of the countries that a shop here sends to; all others go by the one of Oslo, Stockholm, Copenhagen and Berlin. */
const zones: Readonly<Record<string, string>> = { FI: 'Europe/Helsinki', GB: 'Europe/London', IS: 'Atlantic/Reykjavik' }

function slotText({ language, session }: Context, { time_slot: slot }: ShippingView): string | undefined {
  const country = String(session.order?.shipping_address?.country)
  return slot?.starts_at && timeSpan(language, slot.starts_at, slot.ends_at, zones[country] ?? 'Europe/Oslo')
}

function distanceText({ language }: Context, { pick_up_address: place }: ShippingView): string | undefined {
  if (typeof place?.distance !== 'number') return undefined
  const { locale } = languages[language]
  return new Intl.NumberFormat(locale, { style: 'unit', unit: 'kilometer', maximumFractionDigits: 1 }).format(place.distance)
}

/** One option. `name` stands for it where its title is said already. */
function shippingRow(context: Context, option: ShippingView, name?: string): Html {
  const { t, session } = context
  const chosen = session.order?.shipping_option?.line_id === option.line_id
  const place = placeText(option)
  const slot = slotText(context, option)
  const notes = [
    option.description,
    option.operator,
    place !== name && place && `${t.pick_up}: ${place}`,
    distanceText(context, option),
    slot !== name && slot,
    option.environmental_data?.description,
  ].filter(Boolean)
  const id = `shipping-${option.line_id.replace(/[^\w-]/g, '_')}`
  return html`<label class="choice"><input type="radio" name="shipping_option" id="${id}" value="${option.line_id}"
 data-testid="shipping-${option.line_id}"${
   chosen ? html` checked` : ''
 }><span class="label">${name ?? option.title ?? option.id}${notes.map((note) => html`<span class="hint note">${note}</span>`)}</span>
<span>${option.amount ? amountText(context, option.amount) : t.free}</span></label>`
}

function discountCodes(context: Context): Html | false {
  const { t, session } = context
  const discounts = session.configuration?.discounts as { express_discount_codes?: { enabled?: boolean } } | undefined
  if (!discounts?.express_discount_codes?.enabled || !session.express?.discount_codes) return false
  const codes = session.order?.discount_codes ?? []
  const most = session.express?.discount_codes?.max_count ?? 1
  const action = `page/discount?${pageQuery(context)}`
  // A form of their own: Enter in the field is the first button of its form.
  return html`<section class="card" id="express-discounts"><form method="post" action="${action}" data-form="codes">
${codes.map(
  (code) => html`<p class="code"><span><span class="hint">${t.discount_code}</span>
<strong data-testid="discount-applied">${code}</strong></span>
<button type="submit" class="plain" name="remove_code" value="${code}" data-action="remove-code" aria-label="${t.remove} ${code}">
${t.remove}</button></p>`,
)}</form><form method="post" action="${action}" data-form="discount" novalidate>
${
  codes.length < most &&
  html`<div class="row end"><div class="field"><label for="f-discount">${t.discount_code}</label>
<input id="f-discount" name="discount_code" autocomplete="off" data-testid="discount-code" aria-describedby="f-discount-error">
<p class="error" id="f-discount-error"></p></div><button type="submit" class="secondary" id="apply-discount" data-testid="apply-discount">
${t.apply}</button></div>`
}</form></section>`
}

/** The merchant's own boxes to tick, such as a newsletter (checkout-api §3.2). A form says nothing of those that are not ticked. */
export function checkboxes(context: Context): Html | false {
  const { checkboxes: list = [] } = context.session
  const rows = list.map((box) => checkboxField(context, box))
  return list.length > 0 && html`<input type="hidden" name="checkbox" value="shown">${rows}`
}

function checkboxField(context: Context, { id, label, checked, required, link }: CheckboxView): Html {
  const { form } = context
  const name = `checkbox.${id}`
  const ticked = form ? form.filled.has(name) : checked
  const field = `box-${id.replace(/[^\w-]/g, '_')}`
  return html`<div class="field"><label class="choice"><input type="checkbox" name="${name}" id="${field}" value="true"
 data-testid="checkbox-${id}" data-checkbox="${id}" aria-describedby="${field}-error"${
   required
     ? html` data-required="true"
 aria-required="true"`
     : ''
 }${ticked ? html` checked` : ''}${marks(context, name)}><span>${label}${
   link && safeHref(link.url) ? html` <a href="${link.url}" target="_blank" rel="noopener noreferrer">${link.text}</a>` : ''
 }</span></label><p class="error" id="${field}-error">${wrongText(context, name)}</p></div>`
}
