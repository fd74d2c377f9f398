import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { skipBrowser } from './browser.ts'
import { embed, payByCard } from './embed.ts'
import { browser, checkout, shop } from './stage.ts'

const launch = '#dintero-checkout-sdk-launch-pop-out'

async function openPopOut(page: Page): Promise<Page> {
  const [window] = await Promise.all([page.waitForEvent('popup'), page.locator(launch).click()])
  return window
}

test('pop-out: the SDK draws our button, the customer pays in the window, onPayment', { skip: skipBrowser }, async () => {
  const { id, page, frame, event } = await embed({ more: 'popOut: true' })
  await page.locator(launch).waitFor()
  assert.equal(await page.locator(launch).textContent(), 'Continue to payment')
  assert.equal(await frame.getByTestId('pay').count(), 0)
  const window = await openPopOut(page)
  await page.locator('#dintero-checkout-sdk-backdrop').waitFor()
  await payByCard(window)
  const paid = await event('onPayment')
  assert.equal(paid.context, 'popOut')
  assert.equal(paid.transaction_id, (await checkout.readSession(id)).transaction_id)
  assert.ok(String(paid.href).startsWith(`${shop.url}/accept?gateway=dintero`))
  assert.equal(window.isClosed() || (await window.waitForEvent('close')) !== undefined, true)
  await page.context().close()
})

test('pop-out: a bank page in the window comes back to us, and the merchant is told', { skip: skipBrowser }, async () => {
  const { page, event } = await embed({ more: 'popOut: true' })
  const window = await openPopOut(page)
  await window.getByTestId('product-klarna.klarna').check()
  await window.getByTestId('pay').click()
  await window.getByTestId('approve').click()
  assert.equal((await event('onPayment')).type, 'SessionPaymentAuthorized')
  await page.context().close()
})

test('pop-out: validated before the customer can pay; refused, the window closes and the reason is shown', {
  skip: skipBrowser,
}, async () => {
  const { page, frame, event } = await embed({
    more: `popOut: true, onValidateSession: (event, checkout, answer) => {
      window.events.push({ handler: 'onValidateSession', id: event.session && event.session.id });
      const refused = window.events.filter(({ handler }) => handler === 'onValidateSession').length === 1;
      setTimeout(() => answer(refused ? { success: false, clientValidationError: 'Sold out' } : { success: true }), 50);
    }`,
  })
  await openPopOut(page)
  await frame.getByTestId('message').getByText('Sold out').waitFor()
  assert.match(String((await event('onValidateSession')).id), /^T\d{8}\./)
  await page.locator(`${launch}:not([disabled])`).waitFor()
  const window = await openPopOut(page)
  await window.waitForURL((url) => !url.searchParams.has('loader'))
  await payByCard(window)
  await event('onPayment')
  await page.context().close()
})

test('pop-out: closed by the customer, it can be opened again; one that can not open pays in the frame', {
  skip: skipBrowser,
}, async () => {
  const { page, frame, event } = await embed({ more: 'popOut: true' })
  const window = await openPopOut(page)
  await frame.getByTestId('message').getByText('open in another window').waitFor()
  await window.close()
  await page.locator('#dintero-checkout-sdk-backdrop').waitFor({ state: 'detached' })
  await page.locator(`${launch}:not([disabled])`).waitFor()
  await page.evaluate('window.open = () => null')
  await page.locator(launch).click()
  await payByCard(frame)
  await event('onPayment')
  await page.context().close()
})

test('redirect: the SDK sends the browser to our page, and the customer comes back by return_url', {
  skip: skipBrowser,
}, async () => {
  const { id } = await checkout.createSession({ url: { return_url: `${shop.url}/accept` } })
  shop.use(`dintero.redirect({ sid: '${id}', endpoint: '${checkout.url}', language: 'no' })`)
  const context = await browser.newContext()
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(`${shop.url}/shop`)
  await page.getByText('Din bestilling').waitFor()
  await payByCard(page)
  await page.waitForURL(`${shop.url}/accept?transaction_id=**`)
  await context.close()
})

test('embed: a wallet of another site takes the whole window', { skip: skipBrowser }, async () => {
  const { page, frame } = await embed()
  await page.route('**/v1/sessions/*/pay?**', (route) =>
    route.fulfill({ json: { success: true, actions: [], redirect_url: `${shop.url}/wallet` } }),
  )
  await frame.getByTestId('product-vipps').check()
  await frame.getByTestId('phone_number').fill('+4740230256')
  await frame.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/wallet`)
  await page.context().close()
})
