import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { systemIds } from './ids.ts'
import { limits } from './limits.ts'
import { AmountIn, checkOfBody, dropsEmpties, PositiveAmountIn, responses, validatorCompiler } from './schema.ts'

type Part = 'body' | 'querystring'
/** The data as a route sees it, or undefined when it is refused. */
function validated(schema: object, data: unknown, httpPart: Part = 'body'): unknown {
  const copy = structuredClone(data)
  const validate = validatorCompiler({ schema: schema as never, httpPart, method: 'POST', url: '/' }) as (
    data: unknown,
  ) => boolean
  return validate(copy) === true ? copy : undefined
}
const body = Type.Object({ amount: AmountIn, list: Type.Optional(Type.Array(AmountIn)), price: Type.Optional(Type.Number()) })

// what came in | what the route sees
const amounts: [amount: unknown, seen: number | undefined][] = [
  [100, 100],
  [29_989.999999999996, 29_990],
  [0.5, 1],
  [0.49, 0],
  [-1.2, -1],
  [2.5, 3],
  [-2.5, -3],
  [-0.4, 0],
  [limits.amount_max, limits.amount_max],
  [limits.amount_max + 1, undefined],
  [-limits.amount_max, -limits.amount_max],
  [-limits.amount_max - 1, undefined],
  ['100', undefined],
  [true, undefined],
  [null, undefined],
]
for (const [amount, seen] of amounts) {
  test(`amount: ${JSON.stringify(amount)} is ${seen ?? 'refused'}`, () => {
    assert.deepEqual(validated(body, { amount }), seen === undefined ? undefined : { amount: seen })
  })
}
test('amount: rounded wherever it stands; other numbers stay', () => {
  assert.deepEqual(validated(body, { amount: 1, list: [1.4, 2, 1.6], price: 1.5 }), { amount: 1, list: [1, 2, 2], price: 1.5 })
})
test('amount: not below zero, where that makes no sense', () => {
  const positive = Type.Object({ amount: PositiveAmountIn })
  assert.deepEqual(validated(positive, { amount: 0 }), { amount: 0 })
  assert.equal(validated(positive, { amount: -1 }), undefined)
})
test('schemas: a query is text and is read as numbers and lists; what nobody knows stays', () => {
  const query = Type.Object({
    limit: Type.Optional(Type.Integer({ default: 10 })),
    status: Type.Optional(Type.Array(Type.String())),
  })
  assert.deepEqual(validated(query, { limit: '5', status: 'a', more: 'x' }, 'querystring'), {
    limit: 5,
    status: ['a'],
    more: 'x',
  })
  assert.deepEqual(validated(query, {}, 'querystring'), {})
  assert.equal(validated(query, { limit: 'x' }, 'querystring'), undefined)
  assert.equal(validated(query, { limit: '5' }), undefined)
  assert.equal(validated(Type.Object({ at: Type.String({ format: 'date-time' }) }), { at: 'now' }), undefined)
})
test('schemas: the answers of a route, with the envelope of errors', () => {
  const answers = responses({ 200: body }, 400, 404)
  assert.deepEqual(Object.keys(answers), ['200', '400', '404'])
  assert.equal(answers[200], body)
  assert.equal(answers[400], answers[404])
})

test('ids: of sessions and transactions decode to a version 4 UUID that begins with the day', () => {
  const base58 = '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'
  const ids = systemIds({ now: () => new Date('2026-11-23T23:59:59Z') })
  const seen = new Set<string>()
  for (let count = 0; count < 200; count += 1) {
    const id = ids.short('T12345678')
    assert.match(id, /^T12345678\.[1-9a-zA-Z]{22}$/)
    seen.add(id)
    const number = [...id.slice(10)].reduce((sum, letter) => sum * 58n + BigInt(base58.indexOf(letter)), 0n)
    assert.match(number.toString(16).padStart(32, '0'), /^261123[0-9a-f]{6}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/)
  }
  assert.equal(seen.size, 200)
})
test('ids: of orders, and secrets', () => {
  const ids = systemIds({ now: () => new Date(0) })
  const letters = new Set(Array.from({ length: 200 }, () => ids.orderId()).join(''))
  assert.equal(letters.size, 36)
  assert.match(ids.orderId(), /^[A-Z0-9]{9}$/)
  assert.match(ids.secret(), /^[\w-]{43}$/)
  assert.match(ids.uuid(), /^[0-9a-f-]{36}$/)
})

const inner = Type.Object({ code: Type.Optional(Type.String({ pattern: '^x' })), name: Type.String({ minLength: 1 }) })
const empties = Type.Object({
  ...{ free: Type.Optional(Type.String()), code: Type.Optional(Type.String({ pattern: '^x' })), needed: Type.Integer() },
  ...{ mail: Type.Optional(Type.String({ format: 'email' })), long: Type.Optional(Type.String({ minLength: 1 })) },
  ...{ kind: Type.Optional(Type.Unsafe<string>({ type: 'string', enum: ['a'] })), count: Type.Optional(Type.Integer()) },
  either: Type.Optional(Type.Unsafe<unknown>({ anyOf: [Type.String(), inner] })),
  ...{ both: Type.Optional(Type.Unsafe<unknown>({ type: ['string', 'null'] })), inner: Type.Optional(inner) },
  ...{ list: Type.Optional(Type.Array(inner)), lists: Type.Optional(Type.Array(Type.Array(Type.String()))) },
})
// what came in | what is left
const nothings: [body: unknown, left: unknown][] = [
  [{ free: '', both: '', list: [], lists: [[]], more: '', toString: '' }, 'all'],
  [{ code: '', mail: '', long: '', kind: '', count: '', either: '', list: '' }, {}],
  [{ inner: [], either: [] }, {}],
  [{ code: 'x', count: 0, inner: [1], either: null }, 'all'],
  [{ needed: '' }, 'all'],
  [{ inner: { code: '', name: '' } }, { inner: { name: '' } }],
  [
    { either: { code: '' }, list: [{ code: '' }, null, 'x', { code: 'x' }] },
    { either: {}, list: [{}, null, 'x', { code: 'x' }] },
  ],
  ...['', [], null, undefined].map((body): [unknown, unknown] => [body, 'all']),
]
for (const [body, left] of nothings) {
  test(`empties: ${JSON.stringify(body)} without what says nothing`, async () => {
    const copy = structuredClone(body)
    await dropsEmpties(empties)({ body: copy })
    assert.deepEqual(copy, left === 'all' ? body : left)
  })
}

test('a body that comes another way: its first fault, or nothing', () => {
  const fault = checkOfBody(inner)
  assert.deepEqual(fault({ name: '' }), { pointer: '/name', what: 'must NOT have fewer than 1 characters' })
  assert.deepEqual(fault(1), { pointer: '', what: 'must be object' })
  assert.equal(fault({ name: 'n' }), undefined)
})
