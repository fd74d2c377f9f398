import assert from 'node:assert/strict'
import { request as ask, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { loadAssets } from '../src/checkout/payment-page/assets.ts'
import { skipBrowser } from './browser.ts'
import { embed, payByCard } from './embed.ts'
import type { Checkout } from './page-server.ts'
import { browser, checkout, shop } from './stage.ts'

/** A proxy that serves `target` below `prefix` and nothing else; what it was asked for elsewhere is in `outside`. */
async function startProxy(target: string, prefix: string) {
  const outside: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    if (!path.startsWith(`${prefix}/`)) {
      if (path !== '/favicon.ico') outside.push(`${request.method} ${path}`)
      return response.writeHead(404).end()
    }
    const { method, headers } = request
    const asked = ask(target + path.slice(prefix.length), { method: method!, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers)
      answer.pipe(response)
    })
    request.pipe(asked)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${prefix}`
  return { url, outside, close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) }
}

let proxy: Awaited<ReturnType<typeof startProxy>>
before(async () => {
  if (skipBrowser) return
  proxy = await startProxy(checkout.url, '/our/checkout')
  Object.assign(checkout.config, { public_url: proxy.url })
})
after(() => proxy?.close())

type Body = Parameters<Checkout['createSession']>[0]
async function open(javaScriptEnabled: boolean, query = '', body: Body = {}): Promise<Page> {
  const { url } = await checkout.createSession({ ...body, url: { return_url: `${shop.url}/accept` } })
  const context = await browser.newContext({ locale: 'en-GB', javaScriptEnabled })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(url + query)
  return page
}

async function ends(page: Page, expected: RegExp): Promise<void> {
  await page.waitForURL(`${shop.url}/accept**`)
  assert.match(page.url(), expected)
  await page.context().close()
  assert.deepEqual(proxy.outside, [])
}

for (const script of [true, false]) {
  test(`below a path: a wallet pays, ${script ? 'with' : 'without'} JavaScript`, { skip: skipBrowser }, async () => {
    const page = await open(script, '?product=vipps')
    await page.getByTestId('phone_number').fill('+4740230256')
    await page.getByTestId('pay').click()
    await page.getByTestId('approve').click()
    await ends(page, /transaction_id=/)
  })

  test(`below a path: a card is declined, another pays, ${script ? 'with' : 'without'} JavaScript`, {
    skip: skipBrowser,
  }, async () => {
    const page = await open(script)
    const choose = (product: string) =>
      script ? page.getByTestId(`product-${product}`).check() : page.locator(`[data-product="${product}"] > a`).click()
    await choose('vipps')
    await page.getByTestId('phone_number').waitFor()
    await choose('dintero_psp.creditcard')
    for (const number of ['4000 3000 0000 0006', '4000 0000 0000 0002']) {
      await page.getByTestId('card-number').fill(number)
      await page.getByTestId('card-expiry').fill('12/30')
      await page.getByTestId('card-cvc').fill('123')
      await page.getByTestId('pay').click()
      if (number.endsWith('6')) await page.getByTestId('message').getByText('The payment was not approved').waitFor()
    }
    await ends(page, /transaction_id=/)
  })

  test(`below a path: cancelled, ${script ? 'with' : 'without'} JavaScript`, { skip: skipBrowser }, async () => {
    const page = await open(script)
    await page.getByTestId('cancel').click()
    await ends(page, /error=cancelled/)
  })
}

test('below a path: an express session, without JavaScript, in another language', { skip: skipBrowser }, async () => {
  const shipping_options = ['post', 'bike'].map((id) => ({ id, line_id: id, amount: 4900, title: id, operator: '' }))
  const page = await open(false, '', {
    express: { shipping_options },
    order: { amount: 39800, shipping_option: undefined },
    configuration: { allow_different_billing_shipping_address: ['b2c'] },
  })
  await page.getByTestId('language').selectOption('no')
  await page.getByRole('button', { name: 'Change' }).click()
  await page.getByTestId('first_name').fill('Kari')
  await page.getByTestId('country').selectOption('SE')
  await page.getByTestId('other-billing').check()
  await page.getByTestId('billing-first_name').fill('Ola "Bill"')
  await page.getByTestId('save-address').click()
  await page.getByTestId('message').getByText('Fyll ut adressen').waitFor()
  assert.equal(await page.getByTestId('first_name').inputValue(), 'Kari')
  assert.equal(await page.getByTestId('first_name-error').textContent(), '')
  assert.equal(await page.getByTestId('last_name-error').textContent(), 'Fyll ut dette feltet.')
  assert.equal(await page.getByTestId('country').inputValue(), 'SE')
  assert.equal(await page.getByTestId('billing-first_name').inputValue(), 'Ola "Bill"')
  assert.equal(await page.locator(':focus').getAttribute('data-testid'), 'last_name')
  await page.getByTestId('other-billing').uncheck()
  const fields = { first_name: 'Kari', last_name: 'Nordmann', address_line: 'Gata 1', postal_code: '0155', postal_place: 'Oslo' }
  for (const [name, value] of Object.entries({ ...fields, email: 'k@example.com', phone_number: '+47 402 30 256' })) {
    await page.getByTestId(name).fill(value)
  }
  assert.doesNotMatch(page.url(), /Kari/)
  await page.getByTestId('save-address').click()
  await page.getByTestId('shipping-bike').check()
  await page.getByTestId('choose-shipping').click()
  await page.getByTestId('amount').getByText('447').waitFor()
  await page.getByTestId('card-number').fill('4000 0000 0000 0002')
  await page.getByTestId('card-expiry').fill('12/30')
  await page.getByTestId('card-cvc').fill('123')
  await page.getByTestId('pay').click()
  await ends(page, /transaction_id=/)
})

test('below a path: embedded with the Web SDK, a card pays and a bank comes back', { skip: skipBrowser }, async () => {
  const card = await embed({ endpoint: proxy.url })
  await payByCard(card.frame)
  assert.equal((await card.event('onPayment')).type, 'SessionPaymentAuthorized')
  await card.frame.getByTestId('message').waitFor()
  await card.page.context().close()
  const bank = await embed({ endpoint: proxy.url })
  await bank.frame.getByTestId('product-klarna.klarna').check()
  await bank.frame.getByTestId('pay').click()
  await bank.frame.getByTestId('approve').click()
  assert.equal((await bank.event('onPayment')).type, 'SessionPaymentAuthorized')
  await bank.page.context().close()
  assert.deepEqual(proxy.outside, [])
})

test('below a path: the gallery finds what belongs to it', { skip: skipBrowser }, async () => {
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(`${proxy.url}/page-gallery`)
  await page.frameLocator('iframe').first().getByRole('heading').first().waitFor()
  await page.goto(`${proxy.url}/`)
  await page.getByRole('link', { name: 'API reference' }).click()
  await page.waitForURL(`${proxy.url}/docs`)
  await context.close()
  assert.deepEqual(proxy.outside, [])
})

test("below a path: the page's script asks for nothing at the root of the host", async () => {
  assert.doesNotMatch((await loadAssets()).js, /["'`]\/(v1|page|\?)/)
})
