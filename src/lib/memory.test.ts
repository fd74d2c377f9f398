import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from './errors.ts'
import { running } from './idempotency.ts'
import { limits } from './limits.ts'
import { createMemory, createRing, unlessRefused } from './memory.ts'

const plain = { pack: (value: unknown) => value, unpack: (packed: never) => packed }
const inTransaction = <T>(work: () => T): T => running.run({ tx: undefined as never, dry_run: false }, work)

test('memory: hands out once, by account and id', () => {
  const memory = createMemory<string>(createRing(1_000)('word'), plain)
  memory.keep('T1', 'a', 'one', 1)
  memory.keep('T2', 'a', 'two', 1)
  assert.deepEqual([memory.take('T1', 'a'), memory.take('T1', 'a'), memory.take('T2', 'a')], ['one', undefined, 'two'])
})
test('memory: keeps nothing that is not committed, and forgets what a transaction of the request may change', () => {
  const memory = createMemory<string>(createRing(1_000)('word'), plain)
  memory.keep('T1', 'a', 'old', 1)
  inTransaction(() => memory.keep('T1', 'a', 'uncommitted', 1))
  assert.equal(memory.take('T1', 'a'), undefined)
  memory.keep('T1', 'b', 'old', 1)
  assert.equal(
    inTransaction(() => memory.take('T1', 'b')),
    undefined,
  )
  assert.equal(memory.take('T1', 'b'), undefined)
})
test('memory: drops the oldest when there are too many, or too much', () => {
  const memory = createMemory<number>(createRing(1)('number'), plain)
  for (let index = 0; index <= limits.aggregates_remembered; index++) memory.keep('T1', String(index), index, 1)
  assert.equal(memory.take('T1', '0'), undefined)
  assert.equal(memory.take('T1', '1'), 1)
  memory.clear()
  assert.equal(memory.take('T1', '2'), undefined)
  const fitting = Math.floor(limits.remembered_total / limits.remembered_size_max)
  for (let index = 0; index <= fitting; index++) memory.keep('T1', String(index), index, limits.remembered_size_max)
  assert.equal(memory.take('T1', '0'), undefined)
  assert.equal(memory.take('T1', '1'), 1)
})
test('memory: the same thing again takes the place of the one before', () => {
  const memory = createMemory<string>(createRing(1_000)('word'), plain)
  memory.keep('T1', 'a', 'one', limits.remembered_size_max)
  memory.keep('T1', 'a', 'two', 1)
  assert.equal(memory.take('T1', 'a'), 'two')
  memory.keep('T1', 'a', 'huge', limits.remembered_size_max + 1)
  assert.equal(memory.take('T1', 'a'), undefined)
})
test('a refusal counts for nothing, a fault does', () => {
  assert.equal(unlessRefused(new ApiError('not_found', 'x')), undefined)
  assert.throws(() => unlessRefused(new TypeError('x')), TypeError)
})
