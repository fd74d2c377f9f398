import { type Html, html } from '../../lib/html.ts'
import type { Assets } from './assets.ts'
import { document } from './page.ts'
import { productTypes } from './products.ts'
import type { FinalEvent } from './protocol.ts'
import { readTheme } from './theme.ts'
import type { Ended, SessionView, View } from './view.ts'

const sid = 'T00000000.gallery'

const session: SessionView = {
  id: sid,
  created_at: '2026-01-01T12:00:00.000Z',
  updated_at: '2026-01-01T12:00:00.000Z',
  url: { return_url: 'https://shop.example/accept', merchant_terms_url: 'https://shop.example/terms' },
  merchant: { name: 'Stoler og bord' },
  order: {
    amount: 49700,
    currency: 'NOK',
    merchant_reference: 'order_id',
    vat_amount: 9940,
    items: [
      {
        id: '175938',
        line_id: '1',
        description: 'Stablestol for utendørsbruk',
        quantity: 2,
        amount: 35800,
        gross_amount: 39800,
        discount_lines: [{ amount: 4000, description: 'Sommersalg' }],
      },
      { id: '2', line_id: '2', description: 'Hagebord', quantity: 1, amount: 9000 },
    ],
    shipping_option: { id: 'home', line_id: 'home', title: 'Hjemlevering', amount: 4900 },
  },
  configuration: configurationOf(productTypes.filter((type) => type !== 'dintero.zero')),
}

function configurationOf(types: readonly string[], disabled: readonly string[] = []): Record<string, unknown> {
  const configuration: Record<string, Record<string, unknown>> = {}
  for (const type of types) {
    const [group = '', product] = type.split('.')
    const payability = disabled.includes(type) ? 'disabled_by_order_amount' : 'payable'
    configuration[group] ??= { type: 'payment_type' }
    if (!product) Object.assign(configuration[group], { type: 'payment_product_type', enabled: true, payability })
    else configuration[group][product] = { type: 'payment_product_type', enabled: true, payability }
  }
  return configuration
}

const few = ['dintero_psp.creditcard', 'vipps', 'klarna.klarna', 'instabank.invoice']
const usual = configurationOf(few, ['instabank.invoice'])
const address = {
  first_name: 'Kari',
  last_name: 'Nordmann',
  address_line: 'Storgata 1',
  postal_code: '0155',
  postal_place: 'Oslo',
  country: 'NO',
  email: 'kari@shop.example',
  phone_number: '+4740000000',
}
const express: SessionView = {
  ...session,
  configuration: {
    ...usual,
    discounts: { express_discount_codes: { enabled: true } },
    allow_different_billing_shipping_address: ['b2c', 'b2b'],
  },
  checkboxes: [{ id: 'news', label: 'Send me news', link: { url: 'https://shop.example/privacy', text: 'Privacy' } }],
  express: {
    discount_codes: { max_count: 2 },
    customer_types: ['b2c', 'b2b'],
    shipping_options: [
      { id: 'home', line_id: 'home', title: 'Hjemlevering', amount: 4900, operator: 'Posten', description: '1–3 dager' },
      ...[
        { business_name: 'Kiosken', address_line: 'Torget 2', postal_place: 'Oslo', distance: 0.4 },
        { business_name: 'Butikken', address_line: 'Storgata 22', postal_place: 'Oslo', distance: 1.3 },
      ].map((pick_up_address, index) => ({
        id: 'point',
        line_id: `point-${index + 1}`,
        title: 'Hentested',
        amount: 0,
        operator: 'Posten',
        pick_up_address,
      })),
      ...[16, 18].map((hour) => ({
        id: 'evening',
        line_id: `evening-${hour}`,
        title: 'På kvelden',
        amount: 9900,
        operator: 'Budet',
        time_slot: { starts_at: `2026-01-05T${hour}:00:00Z`, ends_at: `2026-01-05T${hour + 2}:00:00Z` },
      })),
    ],
  },
}
const withAddress = { ...express.order, shipping_address: address, billing_address: address, discount_codes: ['SOMMER'] }
const href = 'https://shop.example/accept?merchant_reference=order_id'
const ended = (stage: Ended['stage'], type?: FinalEvent['type'], rest: Partial<Ended> = {}): View => ({
  stage,
  merchant: session.merchant!,
  return_url: 'https://shop.example/accept',
  ...(type ? { final: { type, href, merchant_reference: 'order_id' } } : {}),
  ...rest,
})

/** Every state of the page and every product, by the name it has in the gallery. */
export const samples: Readonly<Record<string, { view: View; query?: Record<string, string> }>> = {
  open: { view: { session: { ...session, configuration: usual } } },
  'open-no-language': { view: { session: { ...session, configuration: usual } }, query: { language: 'no' } },
  themed: {
    view: {
      session: {
        ...session,
        configuration: {
          ...usual,
          theme: { primary: '#ffd000', backdrop: 'rgba(20, 30, 90, 0.9)', cardRadius: '2px', buttonRadius: '30px' },
        },
      },
    },
  },
  white: {
    view: {
      session: {
        ...session,
        merchant: { name: 'Skinnvareforretningenesinnkjøpssentral.example' },
        configuration: { ...usual, theme: { primary: '#fff' } },
      },
    },
  },
  'saved-card': {
    view: {
      session: { ...session, configuration: usual },
      saved_cards: { 'dintero_psp.creditcard': 'Visa •••• 0002' },
    },
  },
  locked: { view: { session: { ...session, configuration: usual, pay_lock: { pay_lock_id: 'lock' } } } },
  'ends-soon': { view: { session: { ...session, configuration: usual, expires_at: '2026-01-01T12:15:00.000Z' } } },
  declined: { view: { session: { ...session, configuration: usual } }, query: { notice: 'declined' } },
  'nothing-to-pay': {
    view: {
      session: { ...session, order: { ...session.order, amount: 0 }, configuration: configurationOf(['dintero.zero', 'vipps']) },
    },
  },
  'no-products': { view: { session: { ...session, configuration: {} } } },
  'express-address': {
    view: { session: { ...express, order: { ...express.order, shipping_option: undefined } as SessionView['order'] } },
  },
  'express-ready': { view: { session: { ...express, order: withAddress } as SessionView } },
  launcher: { view: { session: { ...session, configuration: usual } }, query: { role: 'pop_out_launcher' } },
  loader: { view: { session: { ...session, configuration: usual } }, query: { role: 'pop_out_payment', loader: 'true' } },
  processing: { view: ended('processing', undefined, { continue_url: 'https://bank.example/' }) },
  paid: { view: ended('paid', 'SessionPaymentAuthorized') },
  held: { view: ended('held', 'SessionPaymentOnHold') },
  failed: { view: ended('failed', 'SessionPaymentError') },
  'declined-for-good': { view: ended('declined', 'SessionPaymentError') },
  cancelled: { view: ended('cancelled', 'SessionCancel') },
  expired: { view: ended('expired') },
  'not-found': { view: { stage: 'not_found' } },
  error: { view: { stage: 'error' } },
  ...Object.fromEntries(productTypes.map((type) => [type, product(type)])),
}

function product(type: string): { view: View; query: Record<string, string> } {
  const amount = type === 'dintero.zero' ? 0 : 49700
  return {
    view: { session: { ...session, order: { ...session.order, amount }, configuration: configurationOf([type]) } },
    query: { product: type },
  }
}

export const gallerySid = sid

/** All samples side by side, each in a frame of its own. */
export function galleryPage(assets: Assets): Html {
  const frames = Object.keys(samples).map(
    (name) => html`<figure><figcaption><a href="page-gallery/${name}">${name}</a></figcaption>
<iframe src="page-gallery/${name}" title="${name}" loading="lazy" width="360" height="640"></iframe></figure>`,
  )
  const fragment = html`<main><h1>Payment page gallery</h1><div class="gallery">${frames}</div></main>`
  return document({ language: 'en', title: 'Gallery', theme: readTheme(undefined), assets, inline: false, fragment })
}
