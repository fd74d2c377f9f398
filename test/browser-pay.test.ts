import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { openPage, skipBrowser } from './browser.ts'
import { fillCard } from './embed.ts'
import { browser, checkout, session, shop } from './stage.ts'

const open = (path: string, options?: BrowserContextOptions) =>
  openPage(browser, path.startsWith('http') ? path : checkout.url + path, options)

/** Lets a page read its session as it does when the browser shows it again. */
async function readAgain(page: Page): Promise<void> {
  const answered = page.waitForResponse('**/page/state?*')
  await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
  await (await answered).finished()
  await page.evaluate('new Promise((resolve) => setTimeout(resolve, 50))')
}

test('payment page: pays with the test card and lands on the return_url with its parameters', { skip: skipBrowser }, async () => {
  const { id, url } = await session()
  const page = await open(url)
  assert.match(page.url(), /\/\?.*sid=/)
  assert.equal((await page.getByTestId('amount').textContent())?.replace('\u00a0', ' '), 'NOK 447.00')
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await fillCard(page, '4000 0000 0000 0002')
  assert.equal(await page.getByTestId('card-brand').textContent(), 'Visa')
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept**`)
  const query = Object.fromEntries(new URL(page.url()).searchParams)
  const { transaction_id } = await checkout.readSession(id)
  assert.deepEqual(query, { gateway: 'dintero', merchant_reference: 'order_id', transaction_id })
  assert.equal((await checkout.readTransaction(transaction_id)).status, 'AUTHORIZED')
  await page.context().close()
})

test('payment page: a double click, a second tab and the address of a paid session pay once and lead to the shop', {
  skip: skipBrowser,
}, async () => {
  const { id, url } = await session()
  const page = await open(url)
  const other = await page.context().newPage()
  await other.goto(url)
  for (const tab of [page, other]) {
    await tab.getByTestId('product-dintero_psp.creditcard').check()
    await tab.getByTestId('test-card').click()
  }
  await page.getByTestId('pay').dblclick()
  await page.waitForURL(`${shop.url}/accept**`)
  await other.getByTestId('pay').click()
  await other.waitForURL(`${shop.url}/accept**`)
  // Paying replaced the page in the history; its address still leads to the shop.
  await page.goto(url)
  await page.waitForURL(`${shop.url}/accept**`)
  const paid = await checkout.sql`select from checkout.transactions where session_id = ${id}`
  assert.equal(paid.length, 1)
  await page.context().close()
})

test('payment page: a declined card is told, and another card pays', { skip: skipBrowser }, async () => {
  const { url } = await session()
  const page = await open(url)
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await fillCard(page, '4000 3000 0000 0006')
  await page.getByTestId('pay').click()
  await page.getByTestId('message').getByText('The payment was not approved').waitFor()
  await page.getByTestId('test-card').click()
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept**`)
  await page.context().close()
})

test('payment page: a gift card without enough on it is refused, and one that covers the amount pays', {
  skip: skipBrowser,
}, async () => {
  const { id } = (
    await checkout.account.call('POST', '/v1/sessions', {
      url: { return_url: `${shop.url}/accept` },
      order: { amount: 20_000, currency: 'NOK', merchant_reference: 'gift', items: [{ id: '1', line_id: '1', amount: 20_000 }] },
      configuration: { dintero: { type: 'payment_type', wallets: { type: 'payment_product_type', enabled: true } } },
    })
  ).body
  const page = await open(`/?sid=${id}`)
  await page.getByTestId('gift_card-number').fill('6000 0000 0000 0015')
  await page.getByTestId('pay').click()
  await page.getByTestId('message').getByText('The payment was not approved').waitFor()
  await page.getByTestId('test-card').click()
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept?transaction_id=**`)
  const { transaction_id } = await checkout.readSession(id)
  assert.equal((await checkout.readTransaction(transaction_id)).payment_product_type, 'dintero.wallets')
  await page.context().close()
})

test('payment page: with the keyboard alone; the focus is always to be seen, and goes to the first fault', {
  skip: skipBrowser,
}, async () => {
  const { url } = await session()
  const page = await open(url)
  const focused = () =>
    page.evaluate(`(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement)
      return { id: document.activeElement.dataset.testid ?? '', seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
    })()`) as Promise<{ id: string; seen: boolean }>
  const tabTo = async (id: string) => {
    for (let stops = 0; stops < 40; stops += 1) {
      await page.keyboard.press('Tab')
      const at = await focused()
      assert.ok(at.id === '' || at.seen, `the focus on ${at.id} is not to be seen`)
      if (at.id === id) return
    }
    assert.fail(`${id} is not reached`)
  }
  await tabTo('product-dintero_psp.creditcard')
  await page.keyboard.press('ArrowDown')
  assert.equal(await page.getByTestId('product-dintero_psp.creditcard').isChecked(), false)
  await page.keyboard.press('ArrowUp')
  assert.equal(await page.getByTestId('product-dintero_psp.creditcard').isChecked(), true)
  await tabTo('pay')
  await page.keyboard.press('Enter')
  assert.equal((await focused()).id, 'card-number')
  await page.keyboard.type('4000000000000002')
  await page.keyboard.press('Tab')
  await page.keyboard.type('1239')
  await page.keyboard.press('Tab')
  await page.keyboard.type('123')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${shop.url}/accept?**transaction_id=**`)
  await page.context().close()
})

test('payment page: faults are told beside their fields and nothing is sent', { skip: skipBrowser }, async () => {
  const { url } = await session()
  const page = await open(url)
  const calls: string[] = []
  page.on('request', (request) => request.method() === 'POST' && calls.push(request.url()))
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('pay').click()
  assert.equal(await page.getByTestId('card-number-error').textContent(), 'Fill in this field.')
  await page.getByTestId('card-number').pressSequentially('4000000000000003')
  assert.equal(await page.getByTestId('card-number').inputValue(), '4000 0000 0000 0003')
  await page.getByTestId('card-expiry').pressSequentially('120')
  await page.getByTestId('card-expiry').fill('')
  await page.getByTestId('card-expiry').pressSequentially('1/30')
  assert.equal(await page.getByTestId('card-expiry').inputValue(), '01/30')
  // As typed before the script is there.
  await page.evaluate(`document.querySelector('#f-card-expiry').value = '0120'`)
  await page.getByTestId('card-cvc').fill('12')
  await page.getByTestId('pay').click()
  assert.match((await page.getByTestId('card-number-error').textContent()) ?? '', /not right/)
  assert.match((await page.getByTestId('card-expiry-error').textContent()) ?? '', /expired/)
  assert.match((await page.getByTestId('card-cvc-error').textContent()) ?? '', /three or four/)
  assert.equal(await page.evaluate('document.activeElement.dataset.testid'), 'card-number')
  assert.deepEqual(calls, [])
  await page.context().close()
})

test('payment page: a press of Pay is not lost when the field that was left for it is wrong', { skip: skipBrowser }, async () => {
  const { body } = await checkout.account.call('POST', '/v1/sessions', {
    url: { return_url: `${shop.url}/accept` },
    order: { amount: 100, currency: 'NOK', merchant_reference: 'press', items: [{ id: '1', line_id: '1', amount: 100 }] },
    configuration: { vipps: { type: 'payment_product_type', enabled: true } },
  })
  const page = await open(`/?sid=${body.id}`, { viewport: { width: 320, height: 1000 } })
  const phone = page.getByTestId('phone_number')
  // By the keyboard, what is wrong is told when the field is left.
  await phone.fill('40')
  await phone.press('Tab')
  await page.getByTestId('phone_number-error').getByText('Write the number').waitFor()
  const border = (id: string) => page.evaluate(`getComputedStyle(document.querySelector('#${id}')).borderTopColor`)
  assert.notEqual(await border('f-phone_number'), await border('language'))
  await phone.fill('40230256')
  assert.equal(await page.getByTestId('phone_number-error').textContent(), '')
  await phone.fill('40')
  await page.getByTestId('pay').click()
  await phone.and(page.locator(':focus')).waitFor()
  await page.context().close()
})

test('payment page: Swish shows a code on a desktop; approved on the phone, the desktop goes on to the shop', {
  skip: skipBrowser,
}, async () => {
  const { id, url } = await checkout.createSession({ url: { return_url: `${shop.url}/accept` }, order: { currency: 'SEK' } })
  const page = await open(url)
  await page.getByTestId('product-swish.swish').check()
  await page.getByTestId('pay').click()
  const code = page.getByTestId('qr')
  await code.waitFor()
  assert.match((await code.getAttribute('src'))!, /^data:image\/png;base64,/)
  assert.ok((await code.boundingBox())!.width >= 200)
  await readAgain(page)
  const phone = await open((await page.getByTestId('this-device').getAttribute('href'))!, { hasTouch: true })
  await phone.getByTestId('approve').click()
  await page.waitForURL(`${shop.url}/accept**`)
  const { transaction_id } = await checkout.readSession(id)
  assert.equal((await checkout.readTransaction(transaction_id)).status, 'CAPTURED')
  await phone.context().close()
  await page.context().close()
})

test('payment page: a wallet is approved on its own page, or cancelled there', { skip: skipBrowser }, async () => {
  for (const [decision, expected] of [
    ['approve', /transaction_id=/],
    ['cancel', /error=cancelled/],
  ] as const) {
    const { url } = await session()
    const page = await open(url)
    await page.getByTestId('product-vipps').check()
    await page.getByTestId('phone_number').fill('+47 402 30 256')
    await page.getByTestId('pay').click()
    await page.getByTestId(decision).click()
    await page.waitForURL(`${shop.url}/accept**`)
    assert.match(page.url(), expected)
    await page.context().close()
  }
})

test("payment page: in an app, a wallet and a bank lead to the merchant's app", { skip: skipBrowser }, async () => {
  const return_url = 'myapp://back?initial_recipient=merchant'
  for (const product of ['vipps', 'dintero_psp.creditcard']) {
    const { id, url } = await checkout.createSession({ url: { return_url }, configuration: { channel: 'in_app' } })
    const page = await open(url)
    const opened = page.waitForRequest(/^myapp:/)
    await page.getByTestId(`product-${product}`).check()
    if (product === 'vipps') await page.getByTestId('phone_number').fill('+4740230256')
    else await fillCard(page, '4000 1000 0000 0000')
    await page.getByTestId('pay').click()
    await page.getByTestId('approve').click()
    const { payment_return_url, ...query } = Object.fromEntries(new URL((await opened).url()).searchParams)
    if (product === 'vipps') {
      const { status, headers } = await fetch(payment_return_url!, { redirect: 'manual' })
      assert.deepEqual([status, headers.get('location')?.startsWith('myapp://back?')], [302, true])
    }
    const { transaction_id } = await checkout.readSession(id)
    assert.deepEqual(query, { initial_recipient: 'merchant', transaction_id, merchant_reference: 'order_id', session_id: id })
    await page.context().close()
  }
})

test('payment page: left for the wallet and opened again, it waits, leads back there, and ends when the payment does', {
  skip: skipBrowser,
}, async () => {
  const { url } = await session()
  const page = await open(url)
  await page.getByTestId('product-vipps').check()
  await page.getByTestId('phone_number').fill('+4740230256')
  await page.getByTestId('pay').click()
  await page.getByTestId('approve').waitFor()
  const other = await page.context().newPage()
  await other.goto(url)
  await other.getByText('Your payment is being processed').waitFor()
  const wallet = await other.getByTestId('continue').getAttribute('href')
  assert.equal(wallet, page.url())
  // Asking how it goes takes the keyboard from nothing.
  await other.getByTestId('continue').focus()
  await readAgain(other)
  assert.equal(await other.evaluate('document.activeElement.dataset.testid'), 'continue')
  await page.getByTestId('approve').click()
  await page.waitForURL(`${shop.url}/accept**`)
  await other.waitForURL(`${shop.url}/accept**`)
  await page.context().close()
})

test('payment page: what a new page says is said in a region that was there before, for screen readers', {
  skip: skipBrowser,
}, async () => {
  const { url } = await session()
  const page = await open(url)
  await page.evaluate(`window.regions = [...document.querySelectorAll('[role=status]')]`)
  const said = () =>
    page.evaluate<string[]>('window.regions.map((region) => region.isConnected ? region.textContent : "(replaced)")')
  assert.deepEqual(await said(), [''])
  const other = await page.context().newPage()
  await other.goto(url)
  await other.getByTestId('product-vipps').check()
  await other.getByTestId('phone_number').fill('+4740230256')
  await other.getByTestId('pay').click()
  await other.getByTestId('decline').waitFor()
  await page.getByTestId('language').selectOption('no')
  await page.getByTestId('waiting').waitFor()
  assert.deepEqual(await said(), ['Betalingen behandles. Vent litt.'])
  assert.equal(await page.getByTestId('message').textContent(), (await said())[0])
  await page.context().close()
})

test('payment page: a session that was cancelled or has expired says so and can not be paid', { skip: skipBrowser }, async () => {
  const { url, id } = await session()
  const page = await open(url)
  await checkout.account.call('POST', `/v1/sessions/${id}/cancel`)
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('test-card').click()
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept?**error=cancelled**`)
  const later = await checkout.createSession({ expires_at: new Date(Date.now() + 60_000).toISOString() })
  await checkout.sql`update checkout.sessions set expires_at = created_at where id = ${later.id}`
  await page.goto(later.url)
  assert.match((await page.locator('main').textContent()) ?? '', /has expired/)
  await page.context().close()
})

test('payment page: paints at once, nothing moves, nothing is asked of anybody else', { skip: skipBrowser }, async () => {
  const { url } = await session()
  const context = await browser.newContext({ viewport: { width: 390, height: 800 } })
  const page = await context.newPage()
  const foreign: string[] = []
  page.on('request', (request) => request.url().startsWith(checkout.url) || foreign.push(request.url()))
  await page.goto(url)
  await page.getByTestId('product-vipps').check()
  const { shift, paints } = (await page.evaluate(`new Promise((resolve) => {
    let shift = 0
    new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value })
      .observe({ type: 'layout-shift', buffered: true })
    requestAnimationFrame(() => setTimeout(() => resolve({ shift, paints: performance.getEntriesByType('paint').length }), 100))
  })`)) as { shift: number; paints: number }
  assert.ok(shift <= 0.05, `layout shift ${shift}`)
  assert.ok(paints > 0)
  assert.deepEqual(
    foreign.filter((address) => !address.startsWith('data:')),
    [],
  )
  await context.close()
})

test('payment page: a card is saved when the customer ticks the box, and pays the next time without its number', {
  skip: skipBrowser,
}, async () => {
  const creditcard = {
    type: 'payment_product_type',
    enabled: true,
    generate_payment_token_config: { save_card_checkbox: 'opt_in' },
  }
  const configuration = { dintero_psp: { type: 'payment_type', creditcard: { ...creditcard, generate_payment_token: true } } }
  const tokenOf = async (id: string): Promise<string | undefined> => {
    const { transaction_id } = await checkout.readSession(id)
    return (await checkout.readTransaction(`${transaction_id}?includes=card.payment_token`)).card.payment_token
  }
  const payWithBox = async (tick: boolean) => {
    const { url, id } = await session({ configuration })
    const page = await open(url)
    await page.getByTestId('product-dintero_psp.creditcard').check()
    await page.getByTestId('test-card').click()
    if (tick) await page.getByTestId('save-card').check()
    await page.getByTestId('pay').click()
    await page.waitForURL(`${shop.url}/accept**`)
    await page.context().close()
    return tokenOf(id)
  }
  assert.equal(await payWithBox(false), undefined)
  const payment_token = await payWithBox(true)
  assert.ok(payment_token)
  const { url, id } = await session({ configuration, customer: { tokens: { 'dintero_psp.creditcard': { payment_token } } } })
  const page = await open(url)
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('saved-card').check()
  await page.getByText('Your saved card: Visa •••• 0002').waitFor()
  assert.equal(await page.getByTestId('card-number').isVisible(), false)
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept**`)
  const { transaction_id } = await checkout.readSession(id)
  assert.equal((await checkout.readTransaction(transaction_id)).status, 'AUTHORIZED')
  await page.context().close()
  // Deleted while the customer looks at it. What the API says of that is for shops, and in English.
  const late = await session({ configuration, customer: { tokens: { 'dintero_psp.creditcard': { payment_token } } } })
  const other = await open(`${late.url}?language=no`)
  const { tokens } = (await checkout.readSession(late.id)).customer
  const { payment_token_id } = tokens['dintero_psp.creditcard']
  assert.equal((await checkout.account.call('DELETE', `/v1/card-tokens/${payment_token_id}`)).status, 200)
  await other.getByTestId('pay').click()
  await other.getByTestId('message').getByText('Betalingen ble ikke godkjent.').waitFor({ timeout: 10_000 })
  await other.context().close()
})
