#!/usr/bin/env node
// The command line. In a git clone it first installs and builds what is missing; then `dist/main.js` does the work.
import { setFlagsFromString } from 'node:v8'
import { prepare } from './prepare.mjs'

if (process.argv[2] === 'start') {
  // Newer versions of Node.js let new objects take three times as much, 100 MB under load, and no time is saved by it. Only a process
  // that begins can be told, so it begins again: the same process, with the same streams.
  const told = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ')
  if (process.execve && process.platform !== 'win32' && !process.send && !told.includes('semi-space')) {
    process.execve(process.execPath, [process.execPath, ...process.execArgv, '--max-semi-space-size=8', ...process.argv.slice(1)])
  }
  // While a server starts, new objects stay in 2 MB, not in 32 of which it would never give most back. `start` lifts this once it serves.
  setFlagsFromString('--semi-space-growth-factor=1')
}

await prepare()
await import('../dist/main.js')
