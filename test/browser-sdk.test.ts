import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, FrameLocator, Page } from 'playwright-core'
import { launchBrowser, type Shop, skipBrowser, startShop } from './browser.ts'
import { type Checkout, startCheckout } from './page-server.ts'

let checkout: Checkout
let browser: Browser
let shop: Shop
before(async () => {
  if (skipBrowser) return
  ;[checkout, browser, shop] = await Promise.all([startCheckout(), launchBrowser(), startShop()])
})
after(async () => {
  await browser?.close()
  await shop?.close()
  await checkout?.close()
})

type Event = { handler: string; type?: string; [member: string]: unknown }
type Embedded = {
  id: string
  page: Page
  frame: FrameLocator
  /** Waits for the nth event that a handler was called with. */
  event(handler: string, nth?: number): Promise<Event>
  events(): Promise<Event[]>
}

/** The merchant's page embeds the checkout with the real SDK. Every handler named keeps what it is called with. */
async function embed(
  options: { id?: string; handlers?: string[]; more?: string; session?: Parameters<Checkout['createSession']>[0] } = {},
): Promise<Embedded> {
  const handlers = options.handlers ?? ['onSession', 'onPayment', 'onPaymentError', 'onSessionCancel', 'onSessionNotFound']
  const id =
    options.id ??
    (await checkout.createSession({ ...options.session, url: { return_url: `${shop.url}/accept?gateway=dintero` } })).id
  shop.use(`
    window.events = [];
    const keep = (handler) => (event) => window.events.push({ handler, ...JSON.parse(JSON.stringify(event)) });
    dintero.embed({
      container: document.getElementById('checkout'), sid: ${JSON.stringify(id)}, endpoint: ${JSON.stringify(checkout.url)}, language: 'en',
      ${handlers.map((name) => `${name}: keep('${name}')`).join(',\n')}
      ${options.more ? `, ${options.more}` : ''}
    }).then((checkout) => { window.checkout = checkout });`)
  const context = await browser.newContext({ locale: 'en-GB' })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(`${shop.url}/shop`)
  await page.waitForFunction('window.checkout')
  const events = () => page.evaluate('window.events') as Promise<Event[]>
  return {
    id,
    page,
    frame: page.frameLocator('#checkout iframe'),
    events,
    async event(handler, nth = 1) {
      await page.waitForFunction(`window.events.filter((e) => e.handler === '${handler}').length >= ${nth}`)
      return (await events()).filter((event) => event.handler === handler)[nth - 1]!
    },
  }
}

const returns = () => shop.visits.filter(({ path }) => path === '/accept').length

async function payByCard(frame: FrameLocator): Promise<void> {
  await frame.getByTestId('product-dintero_psp.creditcard').check()
  await frame.getByTestId('test-card').click()
  await frame.getByTestId('pay').click()
}

test('embed: onSession, a height that fits, onPayment with the transaction when the customer pays', {
  skip: skipBrowser,
}, async () => {
  const { id, page, frame, event, events } = await embed()
  const loaded = await event('onSession')
  assert.equal(loaded.type, 'SessionLoaded')
  const { session } = loaded as unknown as { session: { id: string; order: { amount: number; items: unknown[] } } }
  assert.deepEqual([session.id, session.order.amount, session.order.items.length], [id, 44700, 1])
  await page.waitForFunction("parseInt(document.querySelector('#checkout iframe').style.height) > 300")
  await payByCard(frame)
  const paid = await event('onPayment')
  const { transaction_id } = await checkout.readSession(id)
  assert.equal(paid.type, 'SessionPaymentAuthorized')
  assert.equal(paid.transaction_id, transaction_id)
  assert.equal(paid.merchant_reference, 'order_id')
  assert.equal(new URL(String(paid.href)).search, `?gateway=dintero&transaction_id=${transaction_id}&merchant_reference=order_id`)
  // The SDK leaves its result page in the frame.
  await frame.getByTestId('message').waitFor()
  assert.equal((await events()).filter(({ handler }) => handler === 'onPayment').length, 1)
  await page.context().close()
})

test('embed: the browser goes to href when the merchant has no handler', { skip: skipBrowser }, async () => {
  const { page, frame } = await embed({ handlers: ['onSession'] })
  await payByCard(frame)
  await page.waitForURL(`${shop.url}/accept?gateway=dintero&transaction_id=**`)
  await page.context().close()
})

test('embed: a bank page in the frame comes back to our page, which tells the merchant', { skip: skipBrowser }, async () => {
  for (const [decision, handler, type] of [
    ['approve', 'onPayment', 'SessionPaymentAuthorized'],
    ['decline', 'onPaymentError', 'SessionPaymentError'],
  ] as const) {
    const before = returns()
    const { page, frame, event } = await embed()
    await frame.getByTestId('product-klarna.klarna').check()
    await frame.getByTestId('pay').click()
    await frame.getByTestId(decision).click()
    const told = await event(handler)
    assert.equal(told.type, type)
    if (type === 'SessionPaymentError') assert.equal(told.error, 'authorization')
    assert.equal(returns(), before, 'the merchant’s return page was not opened in the frame')
    assert.match(page.url(), /\/shop$/)
    await page.context().close()
  }
})

test('embed: onSessionNotFound when the session is unknown', { skip: skipBrowser }, async () => {
  const { page, event } = await embed({ id: `${checkout.account.account_id}.unknown` })
  assert.equal((await event('onSessionNotFound')).type, 'SessionNotFound')
  await page.context().close()
})

test('embed: onSessionCancel when the customer gives up', { skip: skipBrowser }, async () => {
  const { page, frame, event } = await embed()
  await frame.getByTestId('cancel').click()
  const told = await event('onSessionCancel')
  assert.equal(told.type, 'SessionCancel')
  assert.equal(new URL(String(told.href)).searchParams.get('error'), 'cancelled')
  await page.context().close()
})

test('embed: lock, update, refresh; an unchanged refresh is told once in five seconds', { skip: skipBrowser }, async () => {
  const handlers = ['onSession', 'onSessionLocked', 'onSessionLockFailed']
  const { id, page, frame, event, events } = await embed({ handlers })
  await event('onSession')
  const locked = (await page.evaluate('window.checkout.lockSession()')) as Event
  assert.match(String(locked.pay_lock_id), /^[0-9a-f-]{36}$/)
  assert.equal((await event('onSessionLocked')).pay_lock_id, locked.pay_lock_id)
  assert.equal(await frame.getByTestId('pay').isDisabled(), true)
  const item = { id: '1', line_id: '1', description: 'Krakk', quantity: 1, amount: 10000 }
  const update = { order: { amount: 14900, items: [item] } }
  assert.equal((await checkout.account.call('PUT', `/v1/sessions/${id}`, update)).status, 200)
  const refreshed = (await page.evaluate('window.checkout.refreshSession()')) as { session: { order: { amount: number } } }
  assert.equal(refreshed.session.order.amount, 14900)
  assert.match((await frame.getByTestId('amount').textContent()) ?? '', /149/)
  assert.equal(await frame.getByTestId('pay').isEnabled(), true)
  const count = async () => (await events()).filter(({ handler }) => handler === 'onSession').length
  const before = await count()
  await page.evaluate('window.checkout.refreshSession()')
  assert.equal(await count(), before + 1, 'the first unchanged refresh is announced')
  // These two can't be awaited: nothing is announced. Settled by the next change.
  await page.evaluate('void window.checkout.refreshSession(), void window.checkout.refreshSession(), 0')
  const again = await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, {
    order: { amount: 24900, items: [{ ...item, amount: 20000 }] },
  })
  assert.equal(again.status, 200)
  await page.evaluate('window.checkout.refreshSession()')
  assert.ok((await count()) <= before + 2, 'the unchanged refreshes were not announced')
  await page.context().close()
})

test('embed: validation is asked for at pay; a refusal is shown, the next press asks again', { skip: skipBrowser }, async () => {
  const { page, frame, event } = await embed({
    more: `onValidateSession: (event, checkout, answer) => {
      window.events.push({ handler: 'onValidateSession', amount: event.session.order.amount });
      const refused = window.events.filter(({ handler }) => handler === 'onValidateSession').length === 1;
      answer(refused ? { success: false, clientValidationError: 'Tick the box first' } : { success: true });
    }`,
  })
  await payByCard(frame)
  await frame.getByTestId('message').getByText('Tick the box first').waitFor()
  assert.equal((await event('onValidateSession')).amount, 44700)
  await frame.getByTestId('pay').click()
  await event('onPayment')
  await page.context().close()
})

test('embed: the product is told when the customer or the merchant selects one', { skip: skipBrowser }, async () => {
  const { page, frame, event } = await embed({ handlers: ['onSession', 'onActivePaymentType'] })
  await frame.getByTestId('product-vipps').check()
  assert.equal((await event('onActivePaymentType')).payment_product_type, 'vipps')
  await page.evaluate("window.checkout.setActivePaymentProductType('dintero_psp.creditcard')")
  assert.equal((await event('onActivePaymentType', 2)).payment_product_type, 'dintero_psp.creditcard')
  await frame.getByTestId('card-number').waitFor()
  await page.evaluate('window.checkout.setActivePaymentProductType()')
  assert.equal((await event('onActivePaymentType', 3)).payment_product_type, undefined)
  assert.equal(await frame.getByTestId('pay').isDisabled(), true)
  await page.context().close()
})

test('embed: the language is the one asked for, and the merchant is told when it changes', { skip: skipBrowser }, async () => {
  const { page, frame } = await embed()
  await frame.getByTestId('card-number').fill('4000')
  await frame.getByTestId('language').selectOption('no')
  await frame.getByText('Din bestilling').waitFor()
  await page.waitForFunction("window.checkout.language === 'no'")
  assert.equal(await frame.getByTestId('card-number').inputValue(), '4000', 'what was typed stays')
  await page.context().close()
})
