import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openPage, skipBrowser } from './browser.ts'
import { fillCard } from './embed.ts'
import { browser, checkout, clock, session, shop } from './stage.ts'

test('payment page: while it pays, the button itself shows that something happens', { skip: skipBrowser }, async () => {
  const { url } = await session()
  const page = await openPage(browser, url)
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('test-card').click()
  const turning = () => page.evaluate(`getComputedStyle(document.querySelector('[data-testid=pay]'), '::before').animationName`)
  assert.equal(await turning(), 'none')
  let answer: () => void = () => {}
  await page.route('**/pay?*', async (route) => {
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    await route.continue()
  })
  const sent = page.waitForRequest('**/pay?*')
  await page.getByTestId('pay').click()
  await sent
  assert.equal(await turning(), 'turn')
  answer()
  await page.waitForURL(`${shop.url}/accept**`)
  await page.context().close()
})

test('payment page: a session that ends while the page is open says so by itself, and two minutes before when', {
  skip: skipBrowser,
}, async () => {
  const expires_at = new Date(Date.now() + 600_000)
  const { url } = await session({ expires_at: expires_at.toISOString() })
  const page = await openPage(browser, 'about:blank', { timezoneId: 'Asia/Tokyo' })
  await page.clock.install()
  await page.goto(url)
  const pass = async (ms: number) => {
    clock.later_ms += ms
    await page.clock.fastForward(ms)
  }
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await fillCard(page, '4000 3000 0000 0006')
  await pass(470_000)
  assert.equal(await page.locator('#status').textContent(), '')
  await pass(10_000)
  const time = expires_at.toLocaleTimeString('en-GB', { timeStyle: 'short', timeZone: 'Asia/Tokyo' })
  const warning = `You can pay here until ${time}. After that, start again in the shop.`
  await page.getByTestId('expiring').getByText(warning).waitFor()
  const heard = page.locator('#status p')
  const first = await heard.elementHandle()
  assert.equal(await first?.textContent(), warning)
  assert.equal(await page.evaluate('document.activeElement.id'), 'f-card-cvc')
  await page.getByTestId('pay').click()
  await page.getByTestId('message').getByText('The payment was not approved').waitFor()
  assert.equal(await heard.count(), 2)
  assert.equal(await heard.first().evaluate((element, known) => element === known, first), true, 'not said a second time')
  await pass(122_000)
  await page.getByRole('heading', { name: 'This payment page has expired' }).waitFor()
  assert.match(await page.title(), /^This payment page has expired/)
  assert.equal(await page.getByTestId('expiring').count(), 0)
  clock.later_ms = 0
  await page.context().close()
})

test('payment page: an outcome that nobody knows yet is waited for, not called a failure', { skip: skipBrowser }, async () => {
  const script = { rules: [{ when: { amount: 44700 }, do: 'timeout_after', after_s: 1 }] }
  const set = await checkout.account.call('PUT', '/v1/simulator/script', script)
  assert.equal(set.status, 200, JSON.stringify(set.body))
  const { url } = await session()
  const page = await openPage(browser, url)
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('test-card').click()
  await page.getByTestId('pay').click()
  await page.getByTestId('message').getByText('being processed').first().waitFor()
  await page.waitForURL(`${shop.url}/accept**`, { timeout: 20_000 })
  assert.match(page.url(), /transaction_id=/)
  assert.doesNotMatch(page.url(), /error=/)
  await checkout.account.call('DELETE', '/v1/simulator/script')
  await page.context().close()
})
