import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createTestAccount } from './client.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ work: false })
})
after(() => server.close())

const get = (path: string, init: RequestInit = {}) => fetch(server.url + path, { redirect: 'manual', ...init })

test('payment page: the landing page when no session is named', async () => {
  const answer = await get('/')
  assert.equal(answer.status, 200)
  assert.match(await answer.text(), /Kvitt server/)
})

test('payment page: 302 to / with the whole query when it is opened by the address of the session', async () => {
  for (const [path, location] of [
    ['/v1/view/T12345678.abc?language=nb-NO&x=1', '../../?language=nb-NO&x=1&sid=T12345678.abc'],
    ['/v1/view/T12345678.abc', '../../?sid=T12345678.abc'],
    ['/v1/view/T12345678.abc/', '../../../?sid=T12345678.abc'],
  ]) {
    const answer = await get(path!)
    assert.equal(answer.status, 302)
    assert.equal(answer.headers.get('location'), location)
    assert.equal(new URL(location!, server.url + path).pathname, '/')
  }
})

test('payment page: 200 and a page in the language asked for when the session is unknown', async () => {
  for (const [language, text] of [
    ['nb-NO', 'Denne betalingssiden finnes ikke'],
    ['nn', 'Denne betalingssiden finnes ikke'],
    ['sv', 'Den här betalsidan finns inte'],
    ['da', 'Denne betalingsside findes ikke'],
    ['fi', 'Tätä maksusivua ei ole'],
    ['de', 'Diese Zahlungsseite gibt es nicht'],
    ['xx', 'This payment page does not exist'],
  ]) {
    const answer = await get(`/?sid=T00000000.nothing&language=${language}&unknown=1`)
    assert.equal(answer.status, 200)
    const page = await answer.text()
    assert.ok(page.includes(text!), `${language}: ${text}`)
    assert.match(page, /"stage":"not_found"/)
  }
})

test('payment page: a parameter that is there twice counts once', async () => {
  for (const twice of [
    'sid=T00000000.x&sid=T00000000.y',
    'sid[]=T00000000.x',
    'sid=T00000000.x&language=sv&language=no&ui=a&ui=b',
  ]) {
    for (const path of ['/', '/page/state', '/embedResult/', '/page-gallery/open']) {
      assert.equal((await get(`${path}?${twice}`)).status, 200, `${path}?${twice}`)
    }
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    assert.equal((await get(`/?form=pay&${twice}`, { method: 'POST', headers, body: 'a=1&a=2' })).status, 303)
  }
  assert.match(await (await get('/?sid=T00000000.x&language=sv&language=no')).text(), /<html lang="sv">/)
})

test('payment page: a customer who meets an error of ours is told so in words, a script in JSON', async () => {
  await server.sql`alter table checkout.sessions rename to away`
  try {
    const page = await get('/?sid=T00000000.x&language=no', { headers: { accept: 'text/html,*/*' } })
    const text = await page.text()
    assert.deepEqual([page.status, page.headers.get('content-type')], [500, 'text/html; charset=utf-8'])
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.match(text, /<html lang="nb">.*Noe gikk galt hos oss/s)
    assert.match(text, /href="\?sid=T00000000\.x&amp;language=no"[^>]*>Prøv igjen</)
    const headers = { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }
    const form = await get('/page/shipping?sid=T00000000.x&notice=updated', { method: 'POST', headers, body: 'a=1' })
    assert.deepEqual([form.status, form.headers.get('location')], [303, '../?sid=T00000000.x&notice=server_error'])
    const script = await get('/page/state?sid=T00000000.x')
    assert.equal(script.status, 500)
    assert.match(script.headers.get('content-type') ?? '', /json/)
  } finally {
    await server.sql`alter table checkout.away rename to sessions`
  }
})

test('payment page: any site may frame it, nothing but our own script runs', async () => {
  const { headers } = await get('/?sid=T00000000.nothing')
  const policy = headers.get('content-security-policy') ?? ''
  assert.match(policy, /script-src 'self';/)
  assert.match(policy, /frame-ancestors \*/)
  assert.doesNotMatch(policy, /unsafe/)
  assert.equal(headers.get('x-frame-options'), null)
  assert.equal(headers.get('cross-origin-opener-policy'), null)
  assert.equal(headers.get('cache-control'), 'no-store')
})

test('payment page: the policy names where the logo is, and nothing else that its address says', async () => {
  const { call } = await createTestAccount(server)
  for (const [logo_url, sources] of [
    ['https://shop.example:8443/logo.png', "'self' data: https://shop.example:8443"],
    ['https://a;frame-ancestors/logo.png', "'self' data:"],
    ["https://a,'none'/logo.png", "'self' data:"],
    ['data:image/png;base64,AA', "'self' data:"],
  ]) {
    const { body } = await call('POST', '/v1/sessions-profile', {
      profile_id: 'default',
      url: { return_url: 'https://shop.example/' },
      order: {
        amount: 100,
        currency: 'NOK',
        merchant_reference: 'logo',
        items: [{ id: '1', line_id: '1', quantity: 1, amount: 100 }],
      },
      merchant: { name: 'Shop', logo_url },
    })
    const policy = (await get(`/?sid=${body.id}`)).headers.get('content-security-policy') ?? ''
    assert.equal(/img-src ([^;]*);/.exec(policy)?.[1], sources)
    assert.deepEqual(policy.match(/frame-ancestors[^;]*/g), ['frame-ancestors * capacitor: ionic: file:'])
  }
})

test('payment page: script and styles are kept for a year, and the script is at most 35 kB compressed', async () => {
  const page = await (await get('/?sid=T00000000.nothing')).text()
  const paths = [...page.matchAll(/"(page\/assets\/\w+\.(?:js|css))"/g)].map(([, path]) => `/${path}`)
  assert.equal(paths.length, 2)
  for (const path of paths) {
    const answer = await get(path)
    assert.match(answer.headers.get('cache-control') ?? '', /immutable/)
    assert.ok(gzipSync(await answer.text()).length <= 35_000)
  }
  assert.equal((await get('/page/assets/old.js')).headers.get('cache-control'), 'no-cache')
})

test('payment page: 403 when another site posts its forms', async () => {
  for (const path of ['/?form=pay&sid=T00000000.x', '/page/cancel?sid=T00000000.x']) {
    for (const [name, value] of [
      ['sec-fetch-site', 'cross-site'],
      ['origin', 'https://evil.example'],
      ['origin', 'null'],
    ] as const) {
      const form = { 'content-type': 'application/x-www-form-urlencoded', [name]: value }
      const answer = await get(path, { method: 'POST', headers: form, body: 'payment_product_type=vipps' })
      assert.equal(answer.status, 403)
    }
  }
})

test('payment page: the names of a form reach nothing but the payment', async () => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const names = [
    'constructor.prototype.spoilt',
    '__proto__.spoilt',
    'toString.spoilt',
    'hasOwnProperty.call',
    'card=1&card.number',
  ]
  for (const name of names) {
    const answer = await get('/?form=pay&sid=T00000000.x', { method: 'POST', headers, body: `${name}=1` })
    assert.equal(answer.status, 303, name)
  }
  assert.equal(({} as { spoilt?: unknown }).spoilt, undefined)
  assert.equal((Object.prototype.toString as { spoilt?: unknown }).spoilt, undefined)
  assert.equal(typeof Object.prototype.hasOwnProperty.call, 'function')
})

test('embedResult: says what the end was, at both addresses that SDKs use', async () => {
  assert.match(await (await get('/embedResult/?sid=x&transaction_id=T1.x&language=no')).text(), /betalingen er fullført/)
  assert.match(await (await get('//embedResult/?sid=x&error=cancelled&language=en')).text(), /The payment was cancelled/)
  const hostile = await (await get('/embedResult/?error=<script>alert(1)</script>&language="><b>')).text()
  assert.doesNotMatch(hostile, /<b>|alert/)
})
