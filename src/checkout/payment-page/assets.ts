import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** The page's script and style sheet, each at an address below the server's root that changes with its content. */
export type Assets = { js: string; css: string; js_path: string; css_path: string }

let loaded: Promise<Assets> | undefined

/** Reads what the build left beside the compiled server; when run from source, builds it in memory, once. */
export function loadAssets(): Promise<Assets> {
  loaded ??= load().catch((error: unknown) => {
    loaded = undefined
    throw error
  })
  return loaded
}

async function load(): Promise<Assets> {
  const built = (name: string) => readFile(new URL(`../../web/payment-page/${name}`, import.meta.url), 'utf8')
  const { js, css } = await Promise.all([built('page.js'), built('page.css')])
    .then(([js, css]) => ({ js, css }))
    .catch(() => bundle(fileURLToPath(new URL('../../../web/payment-page', import.meta.url))))
  return { js, css, js_path: `page/assets/${hash(js)}.js`, css_path: `page/assets/${hash(css)}.css` }
}

/** Bundles the script and the style sheet in `folder`. esbuild is there only where Kvitt is built from source. */
export async function bundle(folder: string): Promise<{ js: string; css: string }> {
  const { build } = await import('esbuild')
  const result = await build({
    entryPoints: [`${folder}/page.ts`, `${folder}/page.css`],
    outdir: folder,
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2020',
    logLevel: 'silent',
  })
  const text = (end: string) => result.outputFiles.find(({ path }) => path.endsWith(end))?.text ?? ''
  return { js: text('.js'), css: text('.css') }
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12)
