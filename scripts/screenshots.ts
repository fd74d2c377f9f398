// Takes the pictures in docs/screenshots from the gallery. `node --import tsx scripts/screenshots.ts [sample…]`; needs Chromium and
// the PostgreSQL of the tests.
import { fileURLToPath } from 'node:url'
import { launchBrowser } from '../test/browser.ts'
import { startServer } from '../test/server.ts'

const folder = fileURLToPath(new URL('../docs/screenshots/', import.meta.url))
const wanted = process.argv.slice(2)
const pictures: [sample: string, name: string, look?: { dark?: boolean; width?: number }][] = [
  ['open', 'payment-page'],
  ['open-no-language', 'payment-page-norwegian'],
  ['open', 'payment-page-dark', { dark: true }],
  ['themed', 'payment-page-themed'],
  ['express-ready', 'express'],
  ['express-ready', 'express-wide', { width: 1280 }],
  ['declined', 'declined'],
  ['processing', 'processing'],
  ['paid', 'paid'],
]

const server = await startServer({ work: false, role: 'checkout' })
const browser = await launchBrowser()
for (const [sample, name, { dark = false, width = 400 } = {}] of pictures) {
  if (wanted.length > 0 && !wanted.includes(sample)) continue
  const context = await browser.newContext({ viewport: { width, height: 300 }, colorScheme: dark ? 'dark' : 'light' })
  const page = await context.newPage()
  await page.goto(`${server.url}/page-gallery/${sample}`)
  await page.evaluate("document.body.classList.add('scripted')")
  await page.screenshot({ path: `${folder}${name}.png`, fullPage: true })
  await context.close()
}
await browser.close()
await server.close()
