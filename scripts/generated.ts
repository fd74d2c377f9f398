import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/lib/config.ts'
import type { Sql } from '../src/lib/db.ts'
import { errors } from '../src/lib/errors.ts'
import { systemClock, systemIds } from '../src/lib/ids.ts'
import { limits } from '../src/lib/limits.ts'
import { createLog } from '../src/lib/log.ts'
import { type OpenApi, openApiDocument, selectPaths } from '../src/lib/openapi.ts'
import { dumpSchema } from './dump-schema.ts'
import { limitComments } from './limit-comments.ts'

/** Every generated file: its path and what has to stand in it. `sql` is a migrated database. */
export async function generateFiles(sql: Sql): Promise<Map<string, string>> {
  const files = new Map<string, string>()
  files.set('schema.sql', await dumpSchema(sql))
  files.set('docs/errors.md', errorsPage())
  files.set('docs/limits.md', limitsPage())
  for (const [service, document] of Object.entries(await openApiDocuments(sql))) {
    files.set(`docs/openapi/${service}.json`, `${JSON.stringify(document, null, 2)}\n`)
  }
  return files
}

/** One OpenAPI document a service, from the route schemas. */
async function openApiDocuments(sql: Sql): Promise<Record<string, OpenApi>> {
  const config = readConfig({})
  const clock = systemClock
  const { app } = await buildApp({ sql, config, clock, ids: systemIds(clock), role: 'all', log: createLog('silent') })
  await app.ready()
  const whole = openApiDocument(app)
  await app.close()
  const services = [...new Set(Object.keys(whole.paths).map(serviceOf))].sort()
  return Object.fromEntries(
    services.map((service) => [service, selectPaths(whole, `Kvitt: ${service}`, (path) => serviceOf(path) === service)]),
  )
}

function serviceOf(path: string): string {
  if (/^\/(healthz|readyz|metrics|openapi\.json|docs)/.test(path)) return 'health'
  if (/\/shopping\//.test(path)) return 'orders'
  if (/\/(hooks|events|webhooks|deliveries|notifications)\b/.test(path)) return 'notifications'
  if (/\/admin\/(session|checkout)\b/.test(path)) return 'checkout'
  if (/\/auth\b|\/\.well-known\/|\/api-keys|\/admin\//.test(path)) return 'accounts'
  return 'checkout'
}

function errorsPage(): string {
  const rows = Object.entries(errors).map(([code, [status, meaning]]) => `| \`${code}\` | ${status} | ${meaning} |`)
  return `# Errors

<!-- Generated from src/lib/errors.ts by \`npm run generate\`. -->

Every answer that is not 2xx has this body. \`errors[].path\` is a JSON pointer into the request body (\`/items/0/amount\`), or \`?name\` for
a query parameter; \`errors[].allowed\` is the largest amount, or the list of values, that would have been accepted. The header
\`request-id\` finds the request in the log.

\`\`\`json
{ "error": { "code": "…", "message": "…", "errors": [{ "path": "/amount", "message": "…", "code": "…", "allowed": 39800 }] } }
\`\`\`

Endpoints of the Orders API put the code of the table in \`error.code\`. Endpoints of the Checkout API put the published name there
(\`INVALID_REQUEST_PARAMETER\`, \`CONFLICT\`, …) and the code of the table in \`error.errors[].code\`; \`error.message\` stands a second time as \`message\` beside \`error\`. A code is never given
another meaning.

| Code | Status | Meaning |
| --- | --- | --- |
${rows.join('\n')}
`
}

function limitsPage(): string {
  const comments = limitComments()
  const rows = Object.entries(limits).map(([name, value]) => `| \`${name}\` | ${shown(value)} | ${comments.get(name) ?? ''} |`)
  return `# Limits

<!-- Generated from src/lib/limits.ts by \`npm run generate\`. -->

Everything that has an upper end. The unit is the last word of the name: \`_ms\` milliseconds, \`_s\` seconds, \`_bytes\`; amounts are in minor
units of their currency.

| Limit | Value | |
| --- | --- | --- |
${rows.join('\n')}
`
}

function shown(value: unknown): string {
  return typeof value === 'number' ? value.toLocaleString('en-US').replaceAll(',', ' ') : `\`${JSON.stringify(value)}\``
}
