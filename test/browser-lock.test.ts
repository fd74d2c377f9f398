import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser, type Shop, skipBrowser, startShop } from './browser.ts'
import { type Embedded, embed } from './embed.ts'
import { type Checkout, order, startCheckout } from './page-server.ts'

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
const stage = () => ({ checkout, browser, shop })

/** What published plugins do: they answer each announcement with lock, update by their server, refresh. */
const answersEach = `onSession: async ({ session }, checkout) => {
  window.events.push({ handler: 'round', amount: session.order.amount });
  while (!window.update) await new Promise((resolve) => setTimeout(resolve, 20));
  await window.checkout?.lockSession();
  await window.update();
  window.checkout.refreshSession();
}`

/** The merchant's server: sets the order's amount, after a while. */
async function updates(page: Page, id: string, amount: () => number, takes_ms = 0): Promise<void> {
  await page.exposeFunction('update', async () => {
    await new Promise((resolve) => setTimeout(resolve, takes_ms))
    const { items, shipping_option } = order
    const whole = amount()
    const lines = [{ ...items[0]!, amount: whole - shipping_option.amount }]
    const put = await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, {
      order: { amount: whole, currency: 'NOK', items: lines, shipping_option },
      remove_lock: true,
    })
    assert.equal(put.status, 200, JSON.stringify(put.body))
  })
}

const rounds = async ({ events }: Embedded) => (await events()).filter(({ handler }) => handler === 'round')

test('lock: a shop that answers each announcement with lock, update and refresh comes to rest; a slow one too', {
  skip: skipBrowser,
}, async () => {
  const shops: Embedded[] = []
  for (const takes_ms of [0, 1_000, 5_500]) {
    const embedded = await embed(stage(), { handlers: ['onSessionLocked'], more: answersEach })
    await updates(embedded.page, embedded.id, () => 44700, takes_ms)
    shops.push(embedded)
  }
  const [fast] = shops
  await new Promise((resolve) => setTimeout(resolve, 13_000))
  const counts = await Promise.all(shops.map(async (one) => (await rounds(one)).length))
  await new Promise((resolve) => setTimeout(resolve, 7_000))
  assert.deepEqual(await Promise.all(shops.map(async (one) => (await rounds(one)).length)), counts, 'they rest')
  assert.deepEqual(counts, [2, 2, 2], 'one round for the session loaded, one for being told that nothing changed')
  for (const { frame } of shops) await frame.locator('[data-testid=pay]:not([disabled])').waitFor()
  // At rest, it has its answers when it asks by itself.
  await fast!.page.evaluate('window.checkout.refreshSession()')
  await fast!.page.evaluate('window.checkout.refreshSession()')
  for (const { page } of shops) await page.context().close()
})

test('lock: what the update changes is announced, however often; then the shop rests', { skip: skipBrowser }, async () => {
  const embedded = await embed(stage(), { handlers: ['onSessionLocked'], more: answersEach })
  const amounts = [50_000, 51_000, 52_000]
  let at = 0
  await updates(embedded.page, embedded.id, () => amounts[Math.min(at++, 2)]!)
  await embedded.page.waitForFunction('window.events.some(({ amount }) => amount === 52000)')
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  const told = (await rounds(embedded)).map(({ amount }) => amount)
  assert.deepEqual(told, [44_700, 50_000, 51_000, 52_000, 52_000])
  assert.match((await embedded.frame.getByTestId('amount').textContent()) ?? '', /520/)
  await embedded.page.context().close()
})
