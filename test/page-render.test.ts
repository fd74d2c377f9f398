import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import type { Assets } from '../src/checkout/payment-page/assets.ts'
import { samples } from '../src/checkout/payment-page/gallery.ts'
import { chooseLanguage, languages, money, timeSpan } from '../src/checkout/payment-page/language.ts'
import { renderPage } from '../src/checkout/payment-page/page.ts'
import { readTheme, themeCss } from '../src/checkout/payment-page/theme.ts'
import type { SessionView, View } from '../src/checkout/payment-page/view.ts'
import { html, safeHref, scriptJson } from '../src/lib/html.ts'
import { type Checkout, startCheckout } from './page-server.ts'

let checkout: Checkout
before(async () => {
  checkout = await startCheckout({ work: false })
})
after(() => checkout.close())

const assets: Assets = { js: '', css: '', js_path: 'page/assets/x.js', css_path: 'page/assets/x.css' }
const render = (view: View, query: Record<string, string> = {}) =>
  renderPage({ view, query, sid: 'T00000000.x', accept_language: undefined, now: new Date('2026-11-23T10:00:00Z'), assets })

const hostile = `<img src=x onerror=alert(1)></script><script>alert(2)</script>"'\`&{{x}}\u2028`

/** The sample with every text in it replaced by a hostile one; numbers, types and flags stay. */
function poison(value: unknown, name = ''): unknown {
  if (Array.isArray(value)) return value.map((element) => poison(element, name))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, poison(member, key)]))
  }
  const kept = ['currency', 'type', 'payability', 'customer_types', 'stage', 'allow_different_billing_shipping_address']
  return typeof value === 'string' && !kept.includes(name) ? hostile : value
}

test('page: hostile text in any member of the session stays text', () => {
  for (const [name, sample] of Object.entries(samples)) {
    const { html: page } = render(poison(sample.view) as View, {
      ...sample.query,
      notice: hostile,
      product: hostile,
      ui: hostile,
    })
    assert.doesNotMatch(page.markup, /<img src=x/, name)
    assert.doesNotMatch(page.markup, /<script>alert/, name)
    assert.equal(page.markup.match(/<script/g)?.length, 2, `${name}: our script and its data, nothing else`)
    assert.doesNotMatch(page.markup, /(href|src|action)="javascript:/, name)
  }
})

const free = {
  dintero: { external: { display: { content: { title: 'a', description: 'b' }, terms: [{ label: 'a', href: 'https://a.b' }] } } },
  collector: { installment: { products: [{ id: '1', title: 'a', name: 'b' }] } },
  payex: { creditcard: { generate_payment_token_config: { save_card_checkbox: 'opt_in' } } },
}

/** The value itself and every member of it, one at a time, as something else. */
function* replaced(value: unknown, by: unknown): Generator<unknown> {
  yield by
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    for (const other of replaced(member, by)) yield Array.isArray(value) ? [other] : { ...value, [name]: other }
  }
}

test('page: shown whatever shops send where no schema says what', () => {
  const enabled = { type: 'payment_product_type', enabled: true }
  for (const [group, products] of Object.entries(free)) {
    for (const [name, settings] of Object.entries(products)) {
      for (const by of [null, 5, 'x', true, {}, [], [null], [5]]) {
        for (const odd of replaced(settings, by)) {
          const configuration = { [group]: { [name]: { ...(odd as object), ...enabled } } }
          const session: SessionView = { id: 'T00000000.x', url: {}, order: { amount: 100, currency: 'NOK' }, configuration }
          const { fragment } = render({ session })
          assert.match(fragment.markup, new RegExp(`data-product="${group}.${name}"`), JSON.stringify(configuration))
        }
      }
    }
  }
})

test('page: no link and no way back runs a script', () => {
  for (const url of [
    'javascript:alert(1)',
    ' javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'nonsense',
  ]) {
    assert.equal(safeHref(url), undefined, url)
  }
  assert.equal(safeHref('myapp://back?x=1'), 'myapp://back?x=1')
  const { fragment } = render({
    session: {
      id: 'T00000000.x',
      url: { merchant_terms_url: 'javascript:alert(1)' },
      merchant: { name: 'x', logo_url: 'data:x' },
    },
  })
  assert.doesNotMatch(fragment.markup, /alert|data:x/)
})

test('html: values are escaped, templates are not, nothing stands for nothing', () => {
  assert.equal(
    html`<p title="${'"<'}">${['a', html`<b>${'&'}</b>`, false, null, undefined, 0]}</p>`.markup,
    '<p title="&quot;&lt;">a<b>&amp;</b>0</p>',
  )
  assert.equal(scriptJson('s', '</script>').markup, '<script type="application/json" id="s">"\\u003c/script>"</script>')
})

test('page: a hostile session, created over the API, is shown as text', async () => {
  const { id } = await checkout.createSession({
    order: {
      items: [{ id: '1', line_id: '1', description: hostile.replace('\u2028', ''), quantity: 1, amount: 44700 }],
      shipping_option: undefined,
    },
    merchant: { name: hostile.replace('\u2028', ''), logo_url: 'https://logo.example/"><script>alert(3)</script>' },
  })
  const answer = await fetch(`${checkout.url}/?sid=${id}`)
  const page = await answer.text()
  assert.equal(answer.status, 200)
  assert.ok(page.includes('&lt;img src=x onerror=alert(1)&gt;'))
  assert.doesNotMatch(page, /<script>alert|<img src=x/)
  assert.match(answer.headers.get('content-security-policy') ?? '', /img-src 'self' data: https:\/\/logo\.example;/)
})

test('languages: every text has its places filled in, in every language', () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort().join()
  for (const [code, { texts }] of Object.entries(languages)) {
    for (const [name, text] of Object.entries(texts)) {
      assert.ok(text.length > 0, `${code}.${name}`)
      assert.equal(places(text), places(languages.en.texts[name as keyof typeof texts]), `${code}.${name}`)
    }
  }
})

test('languages: the default profile has no product named in English on another page; a name the merchant chose stays', async () => {
  const named = { type: 'payment_type', external: { enabled: true, display: { payment_method_label: 'Pay at the farm' } } }
  const [plain, own] = [await checkout.createSession(), await checkout.createSession({ configuration: { dintero: named } })]
  for (const [language, { texts }] of Object.entries(languages)) {
    const label = async ({ id }: { id: string }) => {
      const page = await (await fetch(`${checkout.url}/?sid=${id}&language=${language}`)).text()
      const row = page.slice(page.indexOf('data-product="dintero.external"'))
      return /class="label"[^>]*>([^<]*)</.exec(row)?.[1]
    }
    assert.equal(await label(plain), texts.external, language)
    assert.equal(await label(own), 'Pay at the farm')
  }
})

test('languages: chosen by what is asked for, then by the browser', () => {
  for (const [asked, accepted, expected] of [
    ['nb-NO', undefined, 'no'],
    ['nb', undefined, 'no'],
    ['nn', undefined, 'no'],
    ['no', undefined, 'no'],
    ['sv_SE', undefined, 'sv'],
    ['DA', undefined, 'da'],
    ['xx', 'fi-FI,fi;q=0.9', 'fi'],
    [undefined, 'fr, de;q=0.7', 'de'],
    [undefined, undefined, 'en'],
    ['constructor', '__proto__', 'en'],
  ] as const) {
    assert.equal(chooseLanguage(asked, accepted), expected)
  }
})

test('money: in the currency’s own units and the language’s own form', () => {
  const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ').replace('\u2212', '-')
  for (const [language, amount, currency, expected] of [
    ['no', 39800, 'NOK', '398,00 kr'],
    ['sv', 1234567, 'SEK', '12 345,67 kr'],
    ['de', 50, 'EUR', '0,50 €'],
    ['en', 500, 'JPY', 'JP¥500'],
    ['fi', -100, 'EUR', '-1,00 €'],
    // Without decimals in cash, with two in amounts.
    ['en', 44700, 'HUF', 'HUF 447.00'],
    ['no', 1234567, 'IDR', '12 345,67 IDR'],
    ['en', 44700, 'KWD', 'KWD 44.700'],
    ['no', 500, 'ISK', '500 ISK'],
    ['en', 100, 'nonsense', '1.00 nonsense'],
  ] as const) {
    assert.equal(plain(money(language, amount, currency)), expected)
  }
})

test('summary: a quantity in the language’s own form; names in a direction of their own', () => {
  const order = {
    amount: 12550,
    currency: 'NOK',
    items: [
      { description: 'תפוזים', quantity: 1.255, amount: 12550, discount_lines: [{ amount: 100, description: 'הנחה' }] },
      { description: 'Epler', quantity: 1, amount: 0 },
    ],
    shipping_option: { id: 'home', line_id: 'home', title: 'משלוח', amount: 0 },
  }
  const page = render({ session: { id: 'x', order } }, { language: 'no' }).fragment.markup
  assert.ok(page.includes('<span class="hint">1,255 × </span><bdi>תפוזים</bdi>'))
  assert.match(page, /<bdi>הנחה<\/bdi>: −1,00\skr/)
  assert.ok(page.includes('Frakt: <bdi>משלוח</bdi>'))
  assert.ok(page.includes('<span><bdi>Epler</bdi></span>'))
})

test('page: says until when it can be paid in its last two minutes, in every language; without a script, by whose clock', () => {
  const { session } = samples.open!.view as { session: SessionView }
  const said = (language: string, expires_at: string) => {
    const { fragment } = render({ session: { ...session, expires_at } }, { language })
    return /data-testid="expiring"[^>]*>([^<]*)</.exec(fragment.markup)?.[1]
  }
  for (const [language, time] of Object.entries({ no: '11:01 CET', da: '11.01 CET', de: '11:01 MEZ', fi: '12.01 UTC+2' })) {
    assert.ok(
      said(language, '2026-11-23T10:01:59Z')?.includes(` ${time}`),
      `${language}: ${said(language, '2026-11-23T10:01:59Z')}`,
    )
  }
  for (const [language, { texts }] of Object.entries(languages)) {
    assert.equal(said(language, '2026-11-23T10:01:59Z')?.split(' ')[0], texts.expiring.split(' ')[0])
    assert.equal(said(language, '2026-11-23T10:02:01Z'), '', language)
  }
})

test('times of delivery: by the clock of where it is delivered, or the one that the text itself names; one day is said once', () => {
  const plain = (text: string) => text.replace(/[\u00a0\u2009\u202f]/g, ' ')
  for (const [starts_at, ends_at, zone, expected] of [
    ['2026-12-01T17:00:00Z', '2026-12-01T19:00:00Z', 'Europe/Oslo', '1. des. 2026, 18:00–20:00'],
    ['2026-12-01T17:00:00Z', '2026-12-01T19:00:00Z', 'Europe/Helsinki', '1. des. 2026, 19:00–21:00'],
    ['2026-12-01T17:00:00+02:00', '2026-12-01T19:00:00+02:00', 'Europe/Oslo', '1. des. 2026, 17:00–19:00'],
    ['2026-12-01T23:30:00Z', undefined, 'Europe/Oslo', '2. des. 2026, 00:30'],
    ['2026-12-01T17:00:00Z', 'later', 'Europe/Oslo', '1. des. 2026, 18:00'],
    ['soon', undefined, 'Europe/Oslo', 'soon'],
  ] as const) {
    assert.equal(plain(timeSpan('no', starts_at, ends_at, zone)), expected)
  }
})

test('express: forms of one way of delivery stand together, named by their place or their time', () => {
  const { fragment } = render(samples['express-ready']!.view, { language: 'en' })
  const groups = fragment.markup.split('<fieldset class="shipping-group">').slice(1)
  const labels = groups.map((group) =>
    [...group.split('</fieldset>')[0]!.matchAll(/<legend>([^<]*)|class="label">([^<]*)/g)].map(([, a, b]) => a ?? b),
  )
  assert.deepEqual(labels, [
    ['Hentested', 'Kiosken, Torget 2, Oslo', 'Butikken, Storgata 22, Oslo'],
    ['På kvelden', '5 Jan 2026, 17:00–19:00', '5 Jan 2026, 19:00–21:00'],
  ])
})

test('express: a page of what is not shipped asks for no delivery, and not where to send it, in every language', () => {
  const { session } = samples['express-address']!.view as { session: SessionView }
  for (const [language, { texts }] of Object.entries(languages)) {
    const page = (express: object, query = {}) =>
      render({ session: { ...session, express } }, { language, ...query }).fragment.markup.replaceAll('&#39;', "'")
    const unshipped = page({ ...session.express, shipping_mode: 'shipping_not_required' }, { notice: 'address_first' })
    assert.ok(!unshipped.includes(texts.express_title) && !unshipped.includes(texts.address_first), language)
    assert.ok(unshipped.includes(`<h2>${texts.address_title}</h2>`), language)
    assert.equal(unshipped.split(texts.address_only).length, 3, `${language}: at the top and beside Pay`)
    assert.ok(page({}).includes(texts.express_title) && page({}).includes(texts.address_only), `${language}: nothing to choose`)
    assert.ok(page(session.express!).includes(texts.address_first), language)
  }
})

test('express: an address of the shop that says nothing, or that the shop has yet to be asked about, has to be sent first', () => {
  const { session } = samples['express-ready']!.view as { session: SessionView }
  const { shipping_option: _, ...order } = session.order!
  const [none, some] = [{ ...session.express, shipping_options: [] }, session.express!]
  const [sent, visited] = [[{ name: 'SET_SHIPPING_ADDRESS' }], [{ name: 'VISITED' }]]
  const given = order.shipping_address!
  for (const [shipping_address, express, asks_shop, events, missing, told] of [
    [{ country: 'NO', first_name: '', latitude: 0 }, some, false, visited, 'address', false],
    [given, none, true, visited, 'address', false],
    [given, none, true, sent, 'shipping_option', true],
    [given, some, true, visited, 'shipping_option', false],
    [given, { ...none, shipping_mode: 'shipping_not_required' }, true, visited, undefined, false],
  ] as const) {
    const { markup } = render({
      session: { ...session, order: { ...order, shipping_address }, express, events },
      asks_shop,
    }).fragment
    assert.equal(/data-missing="(\w+)"/.exec(markup)?.[1], missing)
    assert.equal(markup.includes('data-testid="no-shipping"'), told)
  }
})

test('theme: only colours and lengths get through, and text on them can be read', () => {
  assert.match(themeCss(readTheme({ primary: '#fff' })), /--primary:rgb\(255 255 255\);--on-primary:#000000/)
  assert.match(themeCss(readTheme({ primary: 'rgba(0, 0, 0, 0.5)' })), /--primary:rgb\(128 128 128\)/)
  const own = themeCss(readTheme(undefined))
  for (const value of ['red;}body{display:none', 'url(https://evil.example)', '#12', 'rgb(1)', {}, 7, null]) {
    assert.equal(themeCss(readTheme({ primary: value, cardRadius: value === 7 ? 'x' : value, buttonRadius: '1px;}' })), own)
  }
})

test('theme: filled buttons of the colour of the card they stand on have a border that can be seen', async () => {
  const sheet = await readFile(new URL('../web/payment-page/page.css', import.meta.url), 'utf8')
  const of = (name: string) => [...sheet.matchAll(new RegExp(`--${name}: (#\\w{6})`, 'g'))].map(([, colour]) => colour!)
  const light = (colour: string) =>
    [1, 3, 5]
      .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4))
      .reduce((sum, share, index) => sum + share * [0.2126, 0.7152, 0.0722][index]!, 0.05)
  for (const [index, surface] of of('surface').entries()) {
    const ratio = light(surface) / light(of('line')[index]!)
    assert.ok(Math.max(ratio, 1 / ratio) >= 3, `${surface}: ${ratio}`)
    assert.equal(readTheme({ primary: surface }).edge[index === 0 ? 'light' : 'dark'], 'var(--line)', surface)
  }
  for (const [primary, edges] of [
    ['#fff', ['var(--line)', 'transparent']],
    ['#ffd000', ['var(--line)', 'transparent']],
    ['#000', ['transparent', 'var(--line)']],
    ['#777', ['transparent', 'transparent']],
  ] as const) {
    assert.deepEqual(Object.values(readTheme({ primary }).edge), edges, primary)
  }
  assert.match(
    themeCss(readTheme({ primary: '#fff' })),
    /--edge:var\(--line\);.*dark\)\{:root\{--edge:transparent;--chosen:var\(--primary\)\}\}$/,
  )
  assert.doesNotMatch(themeCss(readTheme(undefined)), /--edge/)
})

test('page: in test mode the banner says with what to pay, while there is something to pay, in every language', () => {
  for (const language of Object.keys(languages)) {
    const banner = (name: string, query = {}) => {
      const { fragment } = render(samples[name]!.view, { language, ...query })
      return /<p class="test-banner"[^>]*>([^<]*)</.exec(fragment.markup)?.[1]?.replaceAll('\u00a0', ' ')
    }
    assert.match(banner('open')!, /\. .*4000 0000 0000 0002/, language)
    for (const name of ['paid', 'nothing-to-pay', 'swish.swish'])
      assert.doesNotMatch(banner(name)!, /4000/, `${language} ${name}`)
    assert.equal(banner('open', { hide_test_message: 'true' }), undefined)
  }
})

test('page: the title of the document says how a session ended, and with which shop', () => {
  for (const [name, title] of [
    ['open', 'Betaling – Stoler og bord'],
    ['processing', 'Betaling – Stoler og bord'],
    ['failed', 'Betalingen mislyktes – Stoler og bord'],
    ['expired', 'Betalingssiden er utløpt – Stoler og bord'],
    ['not-found', 'Denne betalingssiden finnes ikke'],
  ] as const) {
    const page = render(samples[name]!.view, { language: 'no' })
    assert.equal(/<title>([^<]*)/.exec(page.html.markup)?.[1], title)
    assert.equal(page.state.title, title)
  }
})

test('page: plans of instalments are months in the language of the page', () => {
  const { fragment } = render(samples['collector.installment']!.view, { language: 'de', product: 'collector.installment' })
  assert.match(fragment.markup, /<option value="6">6\sMonate<\/option>/)
})
