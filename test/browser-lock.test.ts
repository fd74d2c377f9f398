import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipBrowser } from './browser.ts'
import { send } from './client.ts'
import { type Embedded, embed, payByCard } from './embed.ts'
import { order } from './page-server.ts'
import { checkout } from './stage.ts'

/** What published plugins do: they answer each announcement with lock, update by their server, refresh. */
const answersEach = `onSession: async ({ session }, checkout) => {
  window.events.push({ handler: 'round', amount: session.order.amount });
  while (!window.update) await new Promise((resolve) => setTimeout(resolve, 20));
  await window.checkout?.lockSession();
  await window.update();
  window.checkout.refreshSession();
}`

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The merchant's server sets the order's amount and ends the lock. */
async function update(id: string, amount = 44_700): Promise<void> {
  const { items, shipping_option } = order
  const lines = [{ ...items[0]!, amount: amount - shipping_option.amount }]
  const put = await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, {
    order: { amount, currency: 'NOK', items: lines, shipping_option },
    remove_lock: true,
  })
  assert.equal(put.status, 200, JSON.stringify(put.body))
}

/** Another page of the shop takes the lock. */
async function takeLock(id: string): Promise<void> {
  assert.equal((await send(checkout.url, 'POST', `/v1/view/${id}/session/lock`)).status, 200)
}

const eventNames = async (id: string) => (await checkout.readSession(id)).events.map(({ name }: { name: string }) => name)

const rounds = async ({ events }: Embedded) => (await events()).filter(({ handler }) => handler === 'round')

test('lock: a shop that answers each announcement with lock, update and refresh comes to rest; a slow one too', {
  skip: skipBrowser,
}, async () => {
  const shops: Embedded[] = []
  for (const takes_ms of [0, 1_000, 5_500]) {
    const embedded = await embed({ handlers: ['onSessionLocked'], more: answersEach })
    await embedded.page.exposeFunction('update', () => sleep(takes_ms).then(() => update(embedded.id)))
    shops.push(embedded)
  }
  const [fast] = shops
  await sleep(13_000)
  const counts = await Promise.all(shops.map(async (one) => (await rounds(one)).length))
  await sleep(7_000)
  assert.deepEqual(await Promise.all(shops.map(async (one) => (await rounds(one)).length)), counts, 'they rest')
  assert.deepEqual(counts, [2, 2, 2], 'one round for the session loaded, one for being told that nothing changed')
  for (const { frame } of shops) await frame.locator('[data-testid=pay]:not([disabled])').waitFor()
  // At rest, it has its answers when it asks by itself.
  await fast!.page.evaluate('window.checkout.refreshSession()')
  await fast!.page.evaluate('window.checkout.refreshSession()')
  for (const { page } of shops) await page.context().close()
})

test('lock: what the update changes is announced, however often; then the shop rests', { skip: skipBrowser }, async () => {
  const embedded = await embed({ handlers: ['onSessionLocked'], more: answersEach })
  const amounts = [50_000, 51_000, 52_000]
  let at = 0
  await embedded.page.exposeFunction('update', () => update(embedded.id, amounts[Math.min(at++, 2)]))
  await embedded.page.waitForFunction('window.events.some(({ amount }) => amount === 52000)')
  await sleep(6_000)
  const told = (await rounds(embedded)).map(({ amount }) => amount)
  assert.deepEqual(told, [44_700, 50_000, 51_000, 52_000, 52_000])
  assert.match((await embedded.frame.getByTestId('amount').textContent()) ?? '', /520/)
  await embedded.page.context().close()
})

/** A shop that, asked to validate, does `what` with `checkout` and `answer`. Keeps what it is told. */
const validates = (what: string, popOut = false) =>
  `popOut: ${popOut}, onValidateSession: async (event, checkout, answer) => {
    const keep = (handler) => window.events.push({ handler })
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    keep('onValidateSession')
    ${what}
  }`
const handlers = ['onSession', 'onSessionLocked', 'onSessionLockFailed', 'onPayment']
const told = async ({ events }: Embedded, ...names: string[]) =>
  (await events()).filter(({ handler }) => names.includes(handler)).map(({ handler, type }) => type ?? handler)

test('lock: none is given to the shop from validation to payment, and nothing is announced', { skip: skipBrowser }, async () => {
  const embedded = await embed({
    handlers,
    more: validates(`
      void checkout.refreshSession().catch(() => {})
      await sleep(300)
      await checkout.lockSession().catch(() => {})
      await sleep(1_500)
      answer({ success: true })`),
  })
  await payByCard(embedded.frame)
  await embedded.event('onPayment')
  assert.deepEqual(await told(embedded, ...handlers, 'onValidateSession'), [
    'SessionLoaded',
    'onValidateSession',
    'SessionLockFailed',
    'SessionPaymentAuthorized',
  ])
  assert.ok(!(await eventNames(embedded.id)).includes('PAY_LOCK_START'))
  await embedded.page.context().close()
})

test('lock: a shop that locks and refuses in one go, as Magento does, has the lock and refreshes', {
  skip: skipBrowser,
}, async () => {
  const embedded = await embed({
    handlers,
    more: validates(`
      if (window.events.filter(({ handler }) => handler === 'onValidateSession').length > 1) return answer({ success: true })
      checkout.lockSession().then(() => window.update()).then(() => checkout.refreshSession()).then(() => keep('refreshed'))
      answer({ success: false, clientValidationError: 'Out of date' })`),
  })
  await embedded.page.exposeFunction('update', () => update(embedded.id))
  await payByCard(embedded.frame)
  await embedded.event('onSessionLocked')
  await embedded.event('refreshed')
  await embedded.frame.getByTestId('pay').click()
  await embedded.event('onPayment')
  await embedded.page.context().close()
})

test('lock: a shop that waits for its refresh before it answers is answered; an order it has changed is not paid unseen', {
  skip: skipBrowser,
}, async () => {
  const embedded = await embed({
    handlers,
    more: validates('await window.update(); await checkout.refreshSession(); answer({ success: true })'),
  })
  const { page, frame, event, id } = embedded
  await page.exposeFunction('update', () => update(id, 50_000))
  await payByCard(frame)
  await frame.getByTestId('message').getByText('The order has changed').waitFor()
  await frame.locator('[data-testid=pay]:not([disabled])').waitFor()
  assert.match((await frame.getByTestId('amount').textContent()) ?? '', /500/)
  assert.equal((await checkout.readSession(id)).transaction_id, undefined)
  await frame.getByTestId('pay').click()
  await event('onPayment')
  const { transaction_id } = await checkout.readSession(id)
  assert.equal((await checkout.readTransaction(transaction_id)).amount, 50_000)
  await page.context().close()
})

test('lock: pay pressed while the shop holds the lock waits for it; the order unchanged it pays, else it says so', {
  skip: skipBrowser,
}, async () => {
  for (const popOut of [false, true]) {
    for (const amount of [44_700, 50_000]) {
      const embedded = await embed({ handlers, more: `popOut: ${popOut}` })
      const { page, frame, event, id } = embedded
      const launch = page.locator('#dintero-checkout-sdk-launch-pop-out')
      const window = popOut ? (await Promise.all([page.waitForEvent('popup'), launch.click()]))[0] : frame
      await window.getByTestId('test-card').waitFor({ state: 'attached' })
      await takeLock(id)
      await payByCard(window)
      await window.getByTestId('message').getByText('The shop is updating your order').waitFor()
      await update(id, amount)
      if (amount !== 44_700) {
        await window.getByTestId('message').getByText('The order has changed').waitFor()
        assert.match((await window.getByTestId('amount').textContent()) ?? '', /500/)
        assert.equal((await checkout.readSession(id)).transaction_id, undefined)
        assert.equal((await event('onSession', popOut ? 3 : 2)).type, 'SessionUpdated', 'the shop is told')
        await window.getByTestId('pay').click()
      }
      await event('onPayment')
      const { transaction_id } = await checkout.readSession(id)
      assert.equal((await checkout.readTransaction(transaction_id)).amount, amount)
      await page.context().close()
    }
  }
})

test('lock: none is given while a pop-out is validated; a shop that locks while its window pays does not stop the payment', {
  skip: skipBrowser,
}, async () => {
  const embedded = await embed({
    handlers,
    more: validates('await checkout.lockSession().catch(() => {}); answer({ success: true })', true),
  })
  const { page, event, id } = embedded
  const [window] = await Promise.all([page.waitForEvent('popup'), page.locator('#dintero-checkout-sdk-launch-pop-out').click()])
  await window.waitForURL((url) => !url.searchParams.has('loader'))
  assert.deepEqual(await told(embedded, 'onSessionLocked', 'onSessionLockFailed'), ['SessionLockFailed'])
  assert.ok(!(await eventNames(id)).includes('PAY_LOCK_START'))
  // The launcher's lock comes before the payment that the window has sent.
  await window.route(
    '**/v1/sessions/*/pay?**',
    async (route) => {
      await page.evaluate('window.checkout.lockSession()')
      await route.continue()
    },
    { times: 1 },
  )
  await payByCard(window)
  await window.getByTestId('message').getByText('The shop is updating your order').waitFor()
  await update(id)
  await page.evaluate('void window.checkout.refreshSession(), 0')
  await event('onPayment')
  await page.context().close()
})
