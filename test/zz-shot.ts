import { launchBrowser } from './browser.ts'
import { startServer } from './server.ts'
const s = await startServer({ work: false, role: 'checkout' })
const b = await launchBrowser()
const p = await (await b.newContext({ viewport: { width: 380, height: 900 } })).newPage()
for (const n of process.argv.slice(2)) { await p.goto(`${s.url}/page-gallery/${n}`); await p.evaluate("document.body.classList.add('scripted')"); await p.screenshot({ path: `/tmp/g-${n}.png`, fullPage: true }) }
await b.close(); await s.close()
