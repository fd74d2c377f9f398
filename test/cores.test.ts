/* The tests that stand beside the code: there are many, and most are over in no time. One process for all of them takes a minute less. */
import { readdirSync } from 'node:fs'

const src = new URL('../src/', import.meta.url)
const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'))
for (const name of names.sort()) await import(new URL(name, src).href)
