import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipBrowser } from './browser.ts'
import { send } from './client.ts'
import { type Event, embed, payByCard } from './embed.ts'
import { browser, checkout, shop } from './stage.ts'

const returns = () => shop.visits.filter(({ path }) => path === '/accept').length

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
    await frame.getByTestId(decision).waitFor()
    const room = await frame.locator('html').evaluate((root) => root.clientHeight - root.scrollHeight)
    assert.ok(room >= 0, `the bank's page is ${-room} px higher than its frame`)
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

test('embed: lock, update, refresh; each refresh is answered, though nothing has changed', { skip: skipBrowser }, async () => {
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
  const change = async (amount: number) => {
    const order = { amount: amount + 4900, items: [{ ...item, amount }] }
    assert.equal((await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, { order })).status, 200)
  }
  await change(20_000)
  await page.evaluate('window.checkout.refreshSession()')
  assert.equal(await count(), before + 2, 'a change is announced')
  await page.evaluate('window.checkout.refreshSession()')
  await page.evaluate('window.checkout.refreshSession()')
  assert.equal(await count(), before + 4, 'and whoever awaits some more has an answer to each')
  await change(30_000)
  await page.route('**/page/state?*', (route) => route.abort(), { times: 1 })
  await page.evaluate('window.checkout.refreshSession()')
  assert.equal(await count(), before + 5, 'also when the server did not answer at first')
  await page.context().close()
})

test('embed: onSessionLockFailed when the customer is paying already, and the page shows that', {
  skip: skipBrowser,
}, async () => {
  const handlers = ['onSession', 'onSessionLocked', 'onSessionLockFailed']
  const { id, page, frame, event, events } = await embed({ handlers })
  await event('onSession')
  // In another window the customer has gone to the wallet.
  const payment = { payment_product_type: 'vipps', phone_number: '+4740230256' }
  const paying = await send(checkout.url, 'POST', `/v1/sessions/${id}/pay`, { body: payment })
  assert.equal(paying.body.success, true)
  const refusal = await page.evaluate(
    'window.checkout.lockSession().then(() => "locked", (error) => String(error.message ?? error))',
  )
  assert.match(String(refusal), /SessionLockFailed/)
  const told = await event('onSessionLockFailed')
  assert.deepEqual([told.type, told.sid], ['SessionLockFailed', id])
  assert.equal((await events()).filter(({ handler }) => handler === 'onSessionLocked').length, 0)
  await frame.getByTestId('message').filter({ hasText: 'Your payment is being processed' }).waitFor()
  await page.context().close()
})

test('embed: a payment held for review is onPayment with SessionPaymentOnHold', { skip: skipBrowser }, async () => {
  const { id, page, frame, event } = await embed()
  await frame.getByTestId('product-dintero_psp.creditcard').waitFor()
  const rules = [{ when: { operation: 'authorize', merchant_reference: 'order_id' }, do: 'hold_then_approve', after_s: 3_600 }]
  assert.equal((await checkout.account.call('PUT', '/v1/simulator/script', { rules })).status, 200)
  await payByCard(frame)
  const held = await event('onPayment')
  await checkout.account.call('DELETE', '/v1/simulator/script')
  const { transaction_id } = await checkout.readSession(id)
  assert.deepEqual(
    [held.type, held.transaction_id, held.merchant_reference],
    ['SessionPaymentOnHold', transaction_id, 'order_id'],
  )
  assert.equal(new URL(String(held.href)).searchParams.get('transaction_id'), transaction_id)
  assert.equal((await checkout.readTransaction(transaction_id)).status, 'ON_HOLD')
  await page.context().close()
})

test('embed: the deprecated onPaymentAuthorized is still called, in place of onPayment', { skip: skipBrowser }, async () => {
  const { page, frame, event } = await embed({ handlers: ['onSession', 'onPaymentAuthorized'] })
  await payByCard(frame)
  const paid = await event('onPaymentAuthorized')
  assert.deepEqual([paid.type, paid.merchant_reference], ['SessionPaymentAuthorized', 'order_id'])
  await page.context().close()
})

// The SDK on npm is older than TopLevelNavigation (0.11), so a page of the test speaks as a newer one does.
test('embed: TopLevelNavigation asks the merchant’s page to leave for the wallet; acknowledged, ours does not leave by itself', {
  skip: skipBrowser,
}, async () => {
  const { id } = await checkout.createSession({ url: { return_url: `${shop.url}/accept` } })
  shop.use(`
    window.events = []
    const frame = document.createElement('iframe')
    frame.src = '${checkout.url}/?sdk=0.11.0&ui=inline&language=en&sid=${id}'; frame.width = 500; frame.height = 1400
    window.addEventListener('message', ({ data, origin, source }) => {
      if (data.mid) source.postMessage({ ack: data.mid }, '*')
      window.events.push({ ...data, origin })
    })
    document.getElementById('checkout').append(frame)`)
  const context = await browser.newContext({ locale: 'en-GB' })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(`${shop.url}/shop`)
  const frame = page.frameLocator('#checkout iframe')
  const wallet = 'https://wallet.example/landing?token=1'
  await page.route('**/v1/sessions/*/pay?**', (route) =>
    route.fulfill({ json: { success: true, actions: [], redirect_url: wallet } }),
  )
  await frame.getByTestId('product-vipps').check()
  await frame.getByTestId('phone_number').fill('+4740230256')
  await frame.getByTestId('pay').click()
  await page.waitForFunction("window.events.some(({ type }) => type === 'TopLevelNavigation')")
  const asked = (await page.evaluate("window.events.filter(({ type }) => type === 'TopLevelNavigation')")) as Event[]
  assert.equal(asked.length, 1)
  assert.deepEqual([asked[0]!.sid, asked[0]!.href, asked[0]!.origin], [id, wallet, checkout.url])
  await frame.locator('[data-testid=pay]:not([disabled])').waitFor()
  assert.equal(page.url(), `${shop.url}/shop`)
  await context.close()
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
  assert.equal(await frame.locator('title').textContent(), 'Betaling')
  await page.waitForFunction("window.checkout.language === 'no'")
  assert.equal(await frame.getByTestId('card-number').inputValue(), '4000', 'what was typed stays')
  await page.context().close()
})

test('embed: a server that fails says so in the frame, and the page comes when it is well again', {
  skip: skipBrowser,
}, async () => {
  const { id } = await checkout.createSession({ url: { return_url: `${shop.url}/accept` } })
  await checkout.sql`alter table checkout.sessions rename to away`
  try {
    const { page, frame, event } = await embed({ id })
    await frame.getByText('Something went wrong on our side.').waitFor()
    await page.waitForFunction("parseInt(document.querySelector('#checkout iframe').style.height) > 150")
    await checkout.sql`alter table checkout.away rename to sessions`
    await frame.getByTestId('pay').waitFor()
    assert.equal((await event('onSession')).type, 'SessionLoaded')
    await page.context().close()
  } finally {
    await checkout.sql`alter table if exists checkout.away rename to sessions`
  }
})
