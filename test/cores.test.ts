/* The tests that stand beside the code: there are many, and most are over in no time. One process for all of them takes a minute less. */
import { readdirSync } from 'node:fs'

const src = new URL('../src/', import.meta.url)
const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
// Written so that a bundler sees which files it may be.
for (const name of names.sort()) await import(`../src/${name.slice(0, -'.test.ts'.length)}.test.ts`)
