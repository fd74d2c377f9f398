// Builds dist/: the server from src/, and the bundle of the payment page when there is a script for it.
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkNode, install, markBuilt, root, run } from '../bin/prepare.mjs'

checkNode()
install()
const began = new Date()
rmSync(join(root, 'dist'), { recursive: true, force: true })
run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'])
const page = join(root, 'scripts/build-page.mjs')
if (existsSync(page)) run(process.execPath, [page])
markBuilt(began)
