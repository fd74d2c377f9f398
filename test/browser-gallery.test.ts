import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { samples } from '../src/checkout/payment-page/gallery.ts'
import { axe, launchBrowser, skipBrowser } from './browser.ts'
import { startServer, type TestServer } from './server.ts'

let server: TestServer
let browser: Browser
before(async () => {
  if (skipBrowser) return
  server = await startServer({ work: false, role: 'checkout' })
  browser = await launchBrowser()
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** Every state, and one product of each kind. */
const names = Object.keys(samples).filter(
  (name) => !/^(payex|bambora|netaxept|santander|two|kravia|dintero_psp\.\w+pay|klarna\.)/.test(name),
)

for (const colorScheme of ['light', 'dark'] as const) {
  test(`payment page: axe finds nothing and nothing is wider than 320 px, in every state, ${colorScheme}`, {
    skip: skipBrowser,
  }, async () => {
    const context = await browser.newContext({ viewport: { width: 320, height: 700 }, colorScheme, bypassCSP: true })
    const page = await context.newPage()
    const foreign: string[] = []
    page.on('request', (request) => request.url().startsWith(server.url) || foreign.push(request.url()))
    const faults: string[] = []
    // In the dark only what has colours of its own.
    for (const name of colorScheme === 'light' ? names : ['open', 'themed', 'declined', 'express-ready', 'processing', 'paid']) {
      await page.goto(`${server.url}/page-gallery/${name}`)
      for (const fault of await axe(page)) faults.push(`${name}: ${fault}`)
      const width = await page.evaluate('document.documentElement.scrollWidth')
      if (width !== 320) faults.push(`${name}: ${width} px wide`)
    }
    await context.close()
    assert.deepEqual(faults, [])
    assert.deepEqual(
      foreign.filter((url) => !url.startsWith('data:')),
      [],
    )
  })
}

const sizes = `[...document.querySelectorAll('#page :is(span, p, h1, h2, h3, dt, dd, label, button, select, [type=text], [type=tel])')]
  .map((element) => parseFloat(getComputedStyle(element).fontSize))`

test('payment page: all of its text is as large as the browser’s, and still nothing is wider than 320 px', {
  skip: skipBrowser,
}, async () => {
  const context = await browser.newContext({ viewport: { width: 320, height: 700 }, bypassCSP: true })
  const page = await context.newPage()
  const faults: string[] = []
  for (const name of ['open', 'express-ready', 'declined', 'no-products', 'processing', 'held', 'kravia.invoice_b2b']) {
    await page.goto(`${server.url}/page-gallery/${name}?language=fi`)
    await page.addStyleTag({ content: 'html { font-size: 200% }' })
    const width = await page.evaluate('document.documentElement.scrollWidth')
    if (width !== 320) faults.push(`${name}: ${width} px wide`)
    for (const size of await page.evaluate<number[]>(sizes)) if (size < 28) faults.push(`${name}: text of ${size} px`)
  }
  await context.close()
  assert.deepEqual(faults, [])
})

/** How a colour shows on another one, 1 to 21 (WCAG 2). */
const contrast = `(a, b) => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).map((value) => value / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
  }
  return Math.max(light(a), light(b)) / Math.min(light(a), light(b))
}`

test('payment page: with a merchant’s colours, Pay, what is chosen and where the keyboard is can be seen, by day and by night', {
  skip: skipBrowser,
}, async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme })
    const page = await context.newPage()
    for (const name of ['open', 'white', 'themed']) {
      await page.goto(`${server.url}/page-gallery/${name}`)
      for (const id of ['language', 'cancel']) {
        await page.keyboard.press('Tab')
        await page.getByTestId(id).focus()
        const ratio = await page.evaluate<number>(`(${contrast})(
          getComputedStyle(document.activeElement).outlineColor, getComputedStyle(document.body).backgroundColor)`)
        assert.ok(ratio >= 3, `${name}, ${colorScheme}: the focus of ${id} ${ratio}`)
      }
      const [chosen, edge, fill] = await page.evaluate<number[]>(`(() => {
        const of = (selector) => getComputedStyle(document.querySelector(selector))
        const card = of('#payment').backgroundColor, pay = of('[data-testid=pay]')
        const edge = pay.borderTopColor === 'rgba(0, 0, 0, 0)' ? card : pay.borderTopColor
        return [of('.product:has(:checked)').borderTopColor, edge, pay.backgroundColor].map((colour) => (${contrast})(colour, card))
      })()`)
      assert.ok(chosen! >= 3, `${name}, ${colorScheme}: the chosen product ${chosen}`)
      assert.ok(Math.max(edge!, fill!) >= 3, `${name}, ${colorScheme}: Pay ${edge} ${fill}`)
    }
    await context.close()
  }
})

test('payment page: a choice of one still looks like one where the customer has colours of his own', {
  skip: skipBrowser,
}, async () => {
  const context = await browser.newContext({ forcedColors: 'active' })
  const page = await context.newPage()
  await page.goto(`${server.url}/page-gallery/open`)
  assert.equal(await page.evaluate(`getComputedStyle(document.querySelector('#language')).appearance`), 'auto')
  await context.close()
})
