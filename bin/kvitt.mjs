#!/usr/bin/env node
// The command line. In a git clone it first installs and builds what is missing; then `dist/main.js` does the work.
import { prepare } from './prepare.mjs'

await prepare()
await import('../dist/main.js')
