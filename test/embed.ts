import type { FrameLocator, Page } from 'playwright-core'
import type { Checkout } from './page-server.ts'
import { browser, checkout, session, shop } from './stage.ts'

export type Event = { handler: string; type?: string; [member: string]: unknown }
export type Embedded = {
  id: string
  page: Page
  frame: FrameLocator
  /** Waits for the nth event that a handler was called with. */
  event(handler: string, nth?: number): Promise<Event>
  events(): Promise<Event[]>
}

/** The merchant's page embeds the checkout with the real SDK. Every handler named keeps what it is called with. */
export async function embed(
  options: {
    endpoint?: string
    id?: string
    handlers?: string[]
    more?: string
    sdk?: boolean
    session?: Parameters<Checkout['createSession']>[0]
  } = {},
): Promise<Embedded> {
  const handlers = options.handlers ?? ['onSession', 'onPayment', 'onPaymentError', 'onSessionCancel', 'onSessionNotFound']
  const { endpoint = checkout.url } = options
  const { id } = options.id ? { id: options.id } : await session(options.session)
  shop.use(`
    window.events = [];
    const keep = (handler) => (event) => window.events.push({ handler, ...JSON.parse(JSON.stringify(event)) });
    dintero.embed({
      container: document.getElementById('checkout'), sid: ${JSON.stringify(id)}, endpoint: ${JSON.stringify(endpoint)}, language: 'en',
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

/** Selects the card, fills in the test card and pays. Works in a frame and in a window. */
export async function payByCard(frame: Pick<FrameLocator, 'getByTestId'>): Promise<void> {
  await frame.getByTestId('product-dintero_psp.creditcard').check()
  await frame.getByTestId('test-card').click()
  await frame.getByTestId('pay').click()
}

export async function fillCard(page: Pick<FrameLocator, 'getByTestId'>, number: string): Promise<void> {
  await page.getByTestId('card-number').fill(number)
  await page.getByTestId('card-expiry').fill('12/30')
  await page.getByTestId('card-cvc').fill('123')
}
