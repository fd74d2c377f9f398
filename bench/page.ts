/*
 * `npm run bench:page`: how soon the payment page shows something, and whether it moves. A server and a Chromium on this machine, an
 * empty cache each time. Options: --loads 20, --json FILE. Needs Chromium and the PostgreSQL of the tests (test/database.ts).
 *
 * `paint_ms`: first contentful paint after the browser began to ask for the page. It counts the redirect from the session's `url`.
 * `floor_paint_ms`: the same of two words from a bare server, in turns with ours: the browser's own time on this machine.
 * `shift`: the sum of all layout shifts until another product was chosen, the card form filled in, and a mistake shown.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { cpus, loadavg } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { loadAssets } from '../src/checkout/payment-page/assets.ts'
import { launchBrowser } from '../test/browser.ts'
import { startCheckout } from '../test/page-server.ts'
import { round } from './measure.ts'

const { values } = parseArgs({
  options: { loads: { type: 'string', default: '20' }, json: { type: 'string', default: 'bench/results/page.json' } },
})

/** Runs in the page, when it has painted: every layout shift from the first on, the customer's own doing left out as browsers do. */
const watch = `new Promise((resolve) => {
  let shift = 0
  new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value })
    .observe({ type: 'layout-shift', buffered: true })
  new PerformanceObserver((list) => {
    const first = list.getEntriesByName('first-contentful-paint')[0]
    const answer = performance.getEntriesByType('navigation')[0].responseEnd
    if (first) setTimeout(() => resolve({ shift, paint: first.startTime, answer }), 100)
  }).observe({ type: 'paint', buffered: true })
})`
type Seen = { shift: number; paint: number; answer: number }

/** The floor: a bare server and two words. What it takes to paint them is the browser's and the machine's own time. */
const bare = createServer((_, response) =>
  response.setHeader('content-type', 'text/html').end('<!doctype html><h1>Two words</h1>'),
)
await new Promise<void>((resolve) => bare.listen(0, '127.0.0.1', resolve))
const bare_url = `http://127.0.0.1:${(bare.address() as AddressInfo).port}/`

const checkout = await startCheckout()
const browser = await launchBrowser()
const seen: Seen[] = []
const floor: Seen[] = []
// The first loads build the script and warm the server.
for (let load = -3; load < Number(values.loads); load += 1) {
  const { url } = await checkout.createSession()
  const context = await browser.newContext({ viewport: { width: 390, height: 800 } })
  const page = await context.newPage()
  await page.goto(bare_url)
  const of_floor = (await page.evaluate(watch)) as Seen
  await page.goto(url)
  await page.getByTestId('product-vipps').check()
  await page.getByTestId('product-dintero_psp.creditcard').check()
  await page.getByTestId('card-number').fill('4000 0000 0000 0003')
  await page.getByTestId('card-expiry').focus()
  const figures = (await page.evaluate(watch)) as Seen
  if (load >= 0) seen.push(figures)
  if (load >= 0) floor.push(of_floor)
  await context.close()
}
await browser.close()
await checkout.close()
bare.close().closeAllConnections()

/** The figure below which this share of the loads were; 0 is the load that other jobs disturbed least. */
function at(name: keyof Seen, share: number, of: Seen[] = seen): number {
  const sorted = of.map((figures) => figures[name]).sort((a, b) => a - b)
  return round(sorted[Math.min(of.length - 1, Math.floor(share * of.length))] ?? 0)
}
const { js, css } = await loadAssets()
const result = {
  measured_at: new Date().toISOString(),
  machine: `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.version}, Chromium ${browser.version()}`,
  /** Of the minute before: above the number of cores, other jobs were in the way. */
  load: round(loadavg()[0]!),
  loads: seen.length,
  paint_ms: { best: at('paint', 0), median: at('paint', 0.5), p95: at('paint', 0.95), worst: at('paint', 1) },
  floor_paint_ms: { best: at('paint', 0, floor), median: at('paint', 0.5, floor) },
  answer_ms: { best: at('answer', 0), median: at('answer', 0.5) },
  shift: { worst: round(Math.max(...seen.map(({ shift }) => shift))) },
  gzip_bytes: { script: gzipSync(js).length, style: gzipSync(css).length },
}
mkdirSync(dirname(values.json), { recursive: true })
writeFileSync(values.json, `${JSON.stringify(result, undefined, 2)}\n`)
console.log(JSON.stringify(result, undefined, 2))
