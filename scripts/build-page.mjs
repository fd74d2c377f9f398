// Bundles the script and the style sheet of the payment page into dist/web. Run by scripts/build.mjs, after tsc.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { bundle } from '../dist/checkout/payment-page/assets.js'

const folder = (path) => fileURLToPath(new URL(path, import.meta.url))
const { js, css } = await bundle(folder('../web/payment-page'))
mkdirSync(folder('../dist/web/payment-page'), { recursive: true })
writeFileSync(folder('../dist/web/payment-page/page.js'), js)
writeFileSync(folder('../dist/web/payment-page/page.css'), css)
