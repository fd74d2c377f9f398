import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'
import { limits } from '../src/lib/limits.ts'
import { type Answer, send } from './client.ts'
import { customerRows } from './statuses/customer.ts'
import { moneyRows } from './statuses/money.ts'
import { otherRows } from './statuses/others.ts'
import { sessionRows } from './statuses/sessions.ts'
import { type Asked, openWorld, type World } from './statuses/world.ts'

type Operation = {
  operationId: string
  security?: object[]
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}
const document = JSON.parse(readFileSync(join(import.meta.dirname, '../docs/openapi/checkout.json'), 'utf8'))
const operations = Object.entries(document.paths as Record<string, Record<string, Operation>>).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    ...operation,
    name: operation.operationId,
    path,
    method: method.toUpperCase(),
  })),
)
const byName = new Map(operations.map((operation) => [operation.name, operation]))
const rows = [...sessionRows, ...customerRows, ...moneyRows, ...otherRows]

/** Statuses that every operation of a kind can answer, and that the loops below, or another test, provoke for all of them. */
const everywhere: Record<number, string> = {
  400: 'below: a body or a path that no parser takes',
  401: 'below: no token',
  403: 'below: a token without the scope',
  413: 'below: a body over the limit',
  415: 'below: a content type that is none',
  422: 'test/idempotency-routes.test.ts: each POST and PUT with a key that named another body',
  500: 'test/http.test.ts',
  503: 'test/http.test.ts',
}
/** Operations whose 409 can only be an `Idempotency-Key` in flight: test/idempotency.test.ts. */
const keyInFlight = (name: string) =>
  /^(checkout_session(_profile)?_post|checkout_payment_token_session_post|transactions_id_put|admin_|aid_settlements_|simulator_)/.test(
    name,
  )

/** The documents' schemas; amounts and dates have keywords and formats of their own. */
const ajv = new Ajv({ strict: false, allErrors: false })
ajvFormats.default(ajv)
ajv.addKeyword('minor_units')
ajv.addSchema({ ...document, $id: 'checkout' })

function assertFits(operation: Operation, { status, body }: Answer): void {
  const schema = operation.responses[status]?.content?.['application/json']?.schema
  if (!schema || typeof body !== 'object') return
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"checkout#/')))
  assert.ok(validate(body), `the answer is not as documented: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`)
}

/** The path of an operation as a pattern, so that a row can't call something else. */
const pattern = (path: string) => new RegExp(`^${path.replace(/\{\w+\}/g, '[^/?]+').replace(/[.]/g, '\\.')}(\\?|$)`)
const filled = (path: string, { account_id }: World) => path.replace('{aid}', account_id).replace(/\{\w+\}/g, 'x')

describe('checkout: every operation with every status it documents', () => {
  let world: World
  before(async () => {
    world = await openWorld()
  })
  after(() => world.close())

  const ask = async (method: string, { path, body, headers = {}, account = world }: Asked, open: boolean) =>
    open
      ? send(world.server.url, method, path, { body, headers })
      : send(world.server.url, method, path, { body, headers: { authorization: `Bearer ${account.token}`, ...headers } })

  test('table: has a row for each documented status, and none that is not documented', () => {
    const found = new Set(rows.map(([operation, status]) => `${operation} ${status}`))
    const documented = operations.flatMap(({ name, responses }) =>
      Object.keys(responses).flatMap((status) =>
        everywhere[Number(status)] || (status === '409' && keyInFlight(name)) ? [] : [`${name} ${status}`],
      ),
    )
    const missing = documented.filter((one) => !found.has(one))
    assert.deepEqual(missing, [], 'add a row, or take the status from the route')
    const hidden = rows.filter(([operation, status]) => !byName.get(operation)?.responses[status])
    assert.deepEqual(hidden, [], 'add the status to the route')
  })

  for (const [name, status, code, provoke] of rows) {
    test(`${name}: ${status} ${code}`, async () => {
      const operation = byName.get(name)!
      const asked = await provoke(world)
      assert.match(asked.path, pattern(operation.path))
      const call = () => ask(operation.method, asked, operation.security === undefined)
      const answer = asked.fault ? await world.faulty(asked.fault, asked.do, call) : await call()
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      if (status >= 400) {
        assert.equal(answer.body.error.errors[0].code, code)
        assert.ok(answer.body.error.message.length > 10)
      }
      assertFits(operation, answer)
    })
  }

  for (const { name, method, path, security, responses } of operations) {
    const open = security === undefined
    test(`${name}: 400 for what can't be read${open ? '' : ', 401 without a token, 403 without the scope'}`, async () => {
      const target = filled(path, world)
      const spoiled = method === 'GET' ? { path: `${target}?x=%00` } : { path: target, body: '{' }
      assert.ok(responses[400], `${name} does not document 400`)
      assert.equal((await ask(method, spoiled, open)).status, 400)
      if (responses[413]) {
        assert.equal((await ask(method, { path: target, body: ' '.repeat(limits.body_bytes + 1) }, open)).status, 413)
        const none = { 'content-type': 'none' }
        assert.equal((await ask(method, { path: target, body: '{}', headers: none }, open)).status, 415)
      }
      if (open) return
      assert.ok(responses[401] && responses[403], `${name} does not document 401 and 403`)
      assert.equal((await ask(method, { path: target }, true)).status, 401)
      assert.equal((await ask(method, { path: target, account: world.weak }, false)).status, 403)
    })
  }
})
