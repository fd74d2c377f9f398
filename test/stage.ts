import { after } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser, type Shop, skipBrowser, startShop } from './browser.ts'
import { type Checkout, startCheckout } from './page-server.ts'

/** How much later the server's clock is than the machine's. */
export const clock = { later_ms: 0 }
const now = () => new Date(Date.now() + clock.later_ms)

/** What the browser tests of a file play on: whoever imports it has it from the first test to the last. */
export const [checkout, browser, shop]: [Checkout, Browser, Shop] = skipBrowser
  ? ([] as never)
  : await Promise.all([startCheckout({ clock: { now } }), launchBrowser(), startShop()])
after(async () => {
  await browser?.close()
  await shop?.close()
  await checkout?.close()
})

/** A session of this shop, as `createSession` makes it. */
export const session = (body: Parameters<Checkout['createSession']>[0] = {}) =>
  checkout.createSession({ ...body, url: { return_url: `${shop.url}/accept?gateway=dintero` } })
