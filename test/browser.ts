import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Set by KVITT_SKIP_BROWSER=1, for a machine without Chromium. */
export const skipBrowser = process.env.KVITT_SKIP_BROWSER === '1' && 'KVITT_SKIP_BROWSER=1'

/** A headless Chromium that asks nobody but the pages it is sent to. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.KVITT_CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** A page in a context of its own, in English unless `options` say otherwise. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  context.setDefaultTimeout(10_000)
  const page = await context.newPage()
  await page.goto(url)
  return page
}

const module = (path: string) => readFileSync(new URL(`../node_modules/${path}`, import.meta.url), 'utf8')

export type Visit = { method: string; path: string; query: Record<string, string> }

/**
 * A merchant's site on another origin. `/shop` loads the real Web SDK as a classic script and then `script`;
 * `/accept` is where customers come back to. Every request but those for scripts is kept in `visits`.
 */
export async function startShop() {
  const visits: Visit[] = []
  let script = ''
  const server = createServer((request: IncomingMessage, response) => {
    const url = new URL(request.url ?? '/', 'http://shop')
    request.resume()
    if (url.pathname === '/sdk.js') {
      return response
        .setHeader('content-type', 'text/javascript')
        .end(module('@dintero/checkout-web-sdk/dist/dintero-checkout-web-sdk.umd.min.js'))
    }
    if (url.pathname === '/shop.js') return response.setHeader('content-type', 'text/javascript').end(script)
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end()
    visits.push({ method: request.method ?? '', path: url.pathname, query: Object.fromEntries(url.searchParams) })
    const scripts = url.pathname === '/shop' ? '<script src="/sdk.js"></script><script src="/shop.js"></script>' : ''
    response
      .setHeader('content-type', 'text/html')
      .end(`<!doctype html><title>Shop</title><h1>${url.pathname}</h1><div id="checkout"></div>${scripts}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // Another host name than the checkout's 127.0.0.1: another site, as in life.
  const url = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    url,
    visits,
    use(text: string) {
      script = text
    },
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

export type Shop = Awaited<ReturnType<typeof startShop>>

/** What axe-core finds wrong with a page: WCAG 2.2 A and AA. One line a fault. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(module('axe-core/axe.min.js'))
  return page.evaluate(async () => {
    type Result = { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
    const { axe } = globalThis as unknown as { axe: { run(options: object): Promise<Result> } }
    const { violations } = await axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    })
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`))
  })
}
