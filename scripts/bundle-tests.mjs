// Tests as JavaScript. Loading their several hundred modules one by one through a compiler takes each process longer than most tests do.
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../bin/prepare.mjs'

const folder = join(root, 'node_modules/.cache/kvitt-tests')

/** Bundles these TypeScript files; what they share is made once. Returns the files to run, in the same order. */
export async function bundleTests(files) {
  const { build } = await import('esbuild')
  rmSync(folder, { recursive: true, force: true })
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
  return files.map((file) => join(folder, file.replace(/\.ts$/, '.js')))
}

/** Where a module says that it is, is where its source is: it finds other files from there. */
function asIfInPlace({ path }) {
  const places = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) }
  const contents = readFileSync(path, 'utf8').replace(/\bimport\.meta\.(url|filename|dirname)\b/g, (_, name) =>
    JSON.stringify(places[name]),
  )
  return { contents, loader: 'ts' }
}
