// Tests as JavaScript. Loading their several hundred modules one by one through a compiler takes each process longer than most tests do.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../bin/prepare.mjs'

/** Bundles these TypeScript files; what they share is made once. Returns the files to run, in the same order. */
export async function bundleTests(files) {
  const { build } = await import('esbuild')
  const cache = join(root, 'node_modules/.cache')
  mkdirSync(cache, { recursive: true })
  // Of its own: other runs may go on at the same time, of another clone even when node_modules is a link.
  const folder = mkdtempSync(join(cache, 'kvitt-tests-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  await build({
    absWorkingDir: root,
    entryPoints: files,
    outdir: folder,
    outbase: root,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [{ name: 'places', setup: (bundling) => bundling.onLoad({ filter: /\.ts$/ }, asIfInPlace) }],
  })
  return files.map((file) => join(folder, relative(root, resolve(file)).replace(/\.ts$/, '.js')))
}

/** Where a module says that it is, is where its source is: it finds other files from there. */
function asIfInPlace({ path }) {
  const places = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) }
  const contents = readFileSync(path, 'utf8').replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, name) =>
    JSON.stringify(places[name]),
  )
  return { contents, loader: 'ts' }
}
