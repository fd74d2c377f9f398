import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '../../lib/limits.ts'
import { type Attempt, type CallResult, settle } from './delivery.ts'

const answer = (status: number): CallResult => ({ status, headers: {}, body: '', duration_ms: 1 })
const silence = (kind: 'timeout' | 'connection' | 'address' | 'interrupted'): CallResult => ({ error: 'x', kind, duration_ms: 1 })
const first: Attempt = { id: 'd', kind: 'callback', failures: 0, attempts: 1, age_s: 0, endpoint_failures: 0 }

const cases: [what: string, changes: Partial<Attempt>, result: CallResult, state: string, alive: boolean][] = [
  ['callback 200', {}, answer(200), 'delivered', true],
  ['callback 204', {}, answer(204), 'delivered', true],
  ['callback 299', {}, answer(299), 'delivered', true],
  ['callback 101', {}, answer(101), 'pending', true],
  ['callback 300', {}, answer(300), 'dead', true],
  ['callback 301', {}, answer(301), 'dead', true],
  ['callback 400', {}, answer(400), 'dead', true],
  ['callback 499', {}, answer(499), 'dead', true],
  ['callback 500', {}, answer(500), 'pending', true],
  ['callback 502', {}, answer(502), 'pending', false],
  ['callback 503', {}, answer(503), 'pending', false],
  ['callback 504', {}, answer(504), 'pending', false],
  ['callback 505', {}, answer(505), 'pending', true],
  ['webhook 300', { kind: 'webhook' }, answer(300), 'pending', true],
  ['callback 599', {}, answer(599), 'pending', true],
  ['callback time-out', {}, silence('timeout'), 'pending', false],
  ['callback reset', {}, silence('connection'), 'pending', false],
  ['callback to a refused address', {}, silence('address'), 'dead', true],
  ['callback when the process stops', { failures: 20 }, silence('interrupted'), 'pending', true],
  ['callback 500, the 20th retry', { failures: 20 }, answer(500), 'dead', true],
  ['callback 500, the 19th retry', { failures: 19 }, answer(500), 'pending', true],
  ['callback time-out, the last, others are answered', { failures: 20 }, silence('timeout'), 'dead', false],
  [
    'callback time-out, the last, endpoint goes down',
    { failures: 20, endpoint_failures: 4 },
    silence('timeout'),
    'pending',
    false,
  ],
  ['callback time-out, a probe', { failures: 20, endpoint_failures: 9 }, silence('timeout'), 'pending', false],
  [
    'callback time-out, as old as it may be',
    { age_s: limits.delivery_age_max_s, endpoint_failures: 9 },
    silence('timeout'),
    'pending',
    false,
  ],
  [
    'callback time-out, too old',
    { age_s: limits.delivery_age_max_s + 1, endpoint_failures: 9 },
    silence('timeout'),
    'dead',
    false,
  ],
  ['webhook 200', { kind: 'webhook' }, answer(200), 'delivered', true],
  ['webhook 301', { kind: 'webhook' }, answer(301), 'pending', true],
  ['webhook 404', { kind: 'webhook' }, answer(404), 'pending', true],
  ['webhook 404, the fifth', { kind: 'webhook', failures: 4 }, answer(404), 'dead', true],
]
for (const [what, changes, result, state, alive] of cases) {
  test(`settle: ${what} is ${state}`, () => {
    const settlement = settle({ ...first, ...changes }, result)
    assert.deepEqual([settlement.state, settlement.alive], [state, alive])
  })
}

test('settle: waits as published, plus up to a tenth; a probe is not counted', () => {
  const expected = [5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 3_600]
  for (const [failures, wait] of expected.entries()) {
    const { wait_s } = settle({ ...first, failures }, answer(500))
    assert.ok(wait_s >= wait && wait_s <= wait * 1.1, `${wait_s} after ${failures + 1} failures`)
  }
  assert.equal(settle({ ...first, failures: 3, endpoint_failures: 5 }, silence('timeout')).failures, 3)
  assert.equal(settle({ ...first, failures: 3, endpoint_failures: 4 }, silence('timeout')).failures, 4)
})

test('settle: counts what was refused, and waits differ from delivery to delivery and attempt to attempt', () => {
  for (const result of [silence('address'), answer(400)]) assert.equal(settle({ ...first, failures: 3 }, result).failures, 4)
  const wait = (id: string, attempts: number) => settle({ ...first, id, attempts }, answer(500)).wait_s
  assert.equal(new Set([wait('a', 1), wait('a', 2), wait('b', 1), wait('b', 2)]).size, 4)
  assert.equal(wait('a', 1), wait('a', 1))
})
