import { type Html, html, safeHref } from '../../../lib/html.ts'
import { isObject } from '../../../lib/object.ts'
import { fill, languages } from '../language.ts'
import type { Product, ProductGroup } from '../products.ts'
import { type Context, pageQuery } from './context.ts'
import { addressFields, textField } from './fields.ts'
import { productIcon } from './icons.ts'

const groups: readonly ProductGroup[] = ['card', 'wallet', 'later', 'other']
const groupTitle = { card: 'group_card', wallet: 'group_wallet', later: 'group_later', other: 'group_other' } as const

/** All products, grouped. Only the selected one's fields are in the document; the others' wait in templates for the script. */
export function productList(context: Context, products: readonly Product[], selected: Product | undefined): Html {
  const { t } = context
  if (products.length === 0) return html`<p class="message" data-kind="error" data-testid="no-products">${t.no_products}</p>`
  const titled = new Set(products.map((product) => product.group)).size > 1
  return html`<fieldset class="products" id="products"><legend><h2>${t.payment_method}</h2></legend>
${groups.map((group) => {
  const members = products.filter((product) => product.group === group)
  const title = t[groupTitle[group]]
  const said = members.every(({ label }) => label === title)
  const rows = members.map((product) => row(context, product, product === selected))
  return members.length > 0 && html`${titled && !said && html`<h3>${title}</h3>`}${rows}`
})}
<p class="error" id="product-error" data-testid="product-error"></p></fieldset>`
}

function row(context: Context, product: Product, selected: boolean): Html {
  const type = product.payment_product_type
  const id = `product-${type.replaceAll('.', '-')}`
  const reason = product.reason && html`<span class="hint note" id="${id}-reason">${context.t[product.reason]}</span>`
  const fields = html`<div class="fields" data-kind="${product.kind}">${productFields(context, product)}</div>`
  return html`<div class="product" data-product="${type}" data-kind="${product.kind}">
<label class="choice"><input type="radio" name="payment_product_type" value="${type}" id="${id}" data-testid="product-${type}"${
    selected ? html` checked` : ''
  }${product.payable ? '' : html` disabled aria-describedby="${id}-reason"`}>
<span class="label">${product.label}${reason}</span>${productIcon(product)}</label>
${
  !product.payable
    ? ''
    : selected
      ? fields
      : html`<a class="plain no-script" href="?${pageQuery(context, { product: type, notice: '' })}"
 aria-label="${context.t.choose}: ${product.label}">${context.t.choose}</a>
<template>${fields}</template>`
}</div>`
}

function productFields(context: Context, product: Product): Html {
  const { t, test } = context
  const redirected = test && html`<p class="hint">${t.test_redirect}</p>`
  switch (product.kind) {
    case 'card':
      return cardFields(context, product)
    case 'app':
      // Swish is scanned or opened; it needs no number (checkout-api §3.10.6).
      return html`<p class="hint">${fill(t.app_note, { name: product.provider })}</p>${
        !product.payment_product_type.endsWith('swish') && phoneField(context)
      }`
    case 'redirect':
      return html`<p class="hint">${fill(t.redirect_note, { name: product.provider })}</p>${redirected}`
    case 'invoice':
      return html`${needsNumber(product) && identityField(context)}${invoiceAddress(context, false)}`
    case 'company_invoice':
      return invoiceAddress(context, true)
    case 'installment':
      return html`${plans(context, product)}${identityField(context)}${invoiceAddress(context, false)}`
    case 'gift_card':
      return html`${textField(context, { name: 'gift_card.number', label: t.gift_card, inputmode: 'numeric' })}${testFill(context)}`
    case 'external':
      return externalFields(product)
    case 'terminal':
      return html`<p class="hint">${t.terminal_note}</p>`
    case 'zero':
      return html`<p class="hint">${t.zero_note}</p>`
  }
}

function cardFields(context: Context, product: Product): Html {
  const { t, saved_cards, form } = context
  const saved = saved_cards[product.payment_product_type]
  const other = form?.filled.get('use_saved_card') === ''
  const config = product.options.generate_payment_token_config as { save_card_checkbox?: string } | undefined
  const consent = config?.save_card_checkbox
  return html`${
    saved !== undefined &&
    html`<div class="saved"><label class="choice"><input type="radio" name="use_saved_card"
 id="saved-card" value="true"${!other && html` checked`} data-testid="saved-card">
<span>${t.saved_card}${saved && `: ${saved}`}</span></label><label class="choice"><input type="radio" name="use_saved_card"
 id="other-card" value=""${other && html` checked`}
 data-testid="other-card"><span>${t.other_card}</span></label></div>`
  }<div class="card-fields">${textField(context, {
    name: 'card.number',
    label: t.card_number,
    type: 'tel',
    inputmode: 'numeric',
    autocomplete: 'cc-number',
    check: 'card_number',
    maxlength: 23,
  })}<p class="brand-name hint" id="card-brand" data-testid="card-brand" aria-live="polite"></p>
<div class="row">${textField(context, {
    name: 'card.expiry',
    label: t.card_expiry,
    inputmode: 'numeric',
    autocomplete: 'cc-exp',
    check: 'card_expiry',
    maxlength: 9,
    narrow: true,
  })}${textField(context, {
    name: 'card.cvc',
    label: t.card_cvc,
    inputmode: 'numeric',
    autocomplete: 'cc-csc',
    check: 'card_cvc',
    maxlength: 4,
    narrow: true,
  })}</div>
${
  consent &&
  html`<label class="choice"><input type="checkbox" name="generate_payment_token" id="save-card" value="true" data-testid="save-card"${
    (form ? form.filled.has('generate_payment_token') : consent === 'opt_out') ? html` checked` : ''
  }><span>${t.save_card}</span></label>`
}${testFill(context)}</div>`
}

/** In test mode, one click fills in a number that pays. */
function testFill({ t, test }: Context): Html | false {
  return (
    test &&
    html`<button type="button" class="plain script-only" data-action="test-card" data-testid="test-card">
${t.test_fill}</button>`
  )
}

function phoneField(context: Context): Html {
  const { session, t } = context
  const known =
    session.customer?.phone_number ??
    session.order?.billing_address?.phone_number ??
    session.order?.shipping_address?.phone_number
  return textField(context, {
    name: 'phone_number',
    label: t.phone_number,
    type: 'tel',
    inputmode: 'tel',
    autocomplete: 'tel',
    check: 'phone_number',
    value: typeof known === 'string' ? known.replace('%2B', '+') : known,
    maxlength: 20,
  })
}

const needsNumber = ({ payment_product_type }: Product) => /^(collector|instabank)\./.test(payment_product_type)

function identityField(context: Context): Html {
  return textField(context, {
    name: 'social_security_number',
    label: context.t.social_security_number,
    inputmode: 'numeric',
    check: 'social_security_number',
    maxlength: 13,
  })
}

/** Invoices need a whole billing address: what the order lacks is asked for. */
function invoiceAddress(context: Context, company: boolean): Html {
  const value = { ...context.session.order?.shipping_address, ...context.session.order?.billing_address }
  return addressFields(context, { prefix: 'billing_address', ids: 'invoice', value, company, contact: true })
}

function plans(context: Context, product: Product): Html | '' {
  const offered = objectsIn<Plan>(product.options.products)
  const known = offered.length > 0 ? offered : usualPlans(context)
  return html`<div class="field"><label for="f-plan">${context.t.plan}</label><select id="f-plan" name="product.id"
 data-testid="plan">${known.map(
   ({ id, title, name }) =>
     html`<option value="${id}"${id === context.form?.filled.get('product.id') && html` selected`}>${title ?? name ?? id}</option>`,
 )}</select></div>`
}

type Plan = { id?: string; title?: string; name?: string }

/** Numbers of months, when the provider's plans are not in the configuration. */
function usualPlans({ language }: Context): Plan[] {
  const format = new Intl.NumberFormat(languages[language].locale, { style: 'unit', unit: 'month', unitDisplay: 'long' })
  return [3, 6, 12].map((months) => ({ id: String(months), title: format.format(months) }))
}

function externalFields(product: Product): Html {
  const { content, terms } = (product.options.display ?? {}) as {
    content?: { title?: string; description?: string }
    terms?: unknown
  }
  return html`${content?.title && html`<p><strong>${content.title}</strong></p>`}${
    content?.description &&
    html`<p>
${content.description}</p>`
  }${objectsIn<{ label?: string; href?: string }>(terms).map(
    ({ label, href }) => safeHref(href) && html`<p><a href="${href}" target="_blank" rel="noopener noreferrer">${label}</a></p>`,
  )}`
}

/** What of it is a list of objects: no schema describes what shops send here, and the page is shown whatever it is. */
function objectsIn<T>(list: unknown): T[] {
  return Array.isArray(list) ? (list.filter(isObject) as T[]) : []
}
