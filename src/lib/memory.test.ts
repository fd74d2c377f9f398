import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ApiError } from './errors.ts'
import { running } from './idempotency.ts'
import { limits } from './limits.ts'
import { createMemory, createRing, rowForm, unlessRefused } from './memory.ts'

const plain = { pack: (value: unknown) => value, unpack: (packed: never) => packed }
const inTransaction = <T>(work: () => T): T => running.run({ tx: undefined as never, dry_run: false }, work)

test('memory: hands out once, by account and id', () => {
  const memory = createMemory<string>('word', createRing(1_000), plain)
  memory.keep('T1', 'a', 'one', 1)
  memory.keep('T2', 'a', 'two', 1)
  assert.deepEqual([memory.take('T1', 'a'), memory.take('T1', 'a'), memory.take('T2', 'a')], ['one', undefined, 'two'])
})
test('memory: keeps nothing that is not committed, and forgets what a transaction of the request may change', () => {
  const memory = createMemory<string>('word', createRing(1_000), plain)
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
  const memory = createMemory<number>('number', createRing(0), plain)
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
  const memory = createMemory<string>('word', createRing(1_000), plain)
  memory.keep('T1', 'a', 'one', limits.remembered_size_max)
  memory.keep('T1', 'a', 'two', 1)
  assert.equal(memory.take('T1', 'a'), 'two')
  memory.keep('T1', 'a', 'huge', limits.remembered_size_max + 1)
  assert.equal(memory.take('T1', 'a'), undefined)
})
test('memory: what the newest push out comes back from its text, until it is written over', () => {
  const memory = createMemory<{ name: string }>('word', createRing(10_000), plain)
  const count = limits.aggregates_remembered + 2_000
  for (let index = 0; index < count; index++) memory.keep('T1', String(index), { name: `blåbær ${index}` }, 1)
  const pushed_out = String(count - limits.aggregates_remembered - 1)
  assert.deepEqual(memory.take('T1', pushed_out), { name: `blåbær ${pushed_out}` })
  assert.equal(memory.take('T1', pushed_out), undefined)
  assert.equal(memory.take('T1', '0'), undefined)
  memory.keep('T1', String(count - limits.aggregates_remembered - 2), { name: 'newer' }, 1)
  assert.deepEqual(memory.take('T1', String(count - limits.aggregates_remembered - 2)), { name: 'newer' })
  memory.clear()
  assert.equal(memory.take('T1', String(count - limits.aggregates_remembered - 3)), undefined)
})
test('memory: kinds that share a ring have the same ids without mixing them up', () => {
  const ring = createRing(100_000)
  const [orders, drafts] = ['order', 'draft'].map((kind) => createMemory<string>(kind, ring, plain))
  for (let index = 0; index <= limits.aggregates_remembered; index++) {
    orders!.keep('T1', String(index), `order ${index}`, 1)
    drafts!.keep('T1', String(index), `draft ${index}`, 1)
  }
  assert.deepEqual([orders!.take('T1', '0'), drafts!.take('T1', '0')], ['order 0', 'draft 0'])
})
test('memory: dates and the hash of a row are what they were', () => {
  type Row = { at: Date; never: Date | null; hash: Uint8Array; data: object }
  const { pack, unpack } = rowForm<Row>(['at', 'never'])
  for (const hash of [Buffer.from([0, 255, 128]), new Uint8Array([0, 255, 128])]) {
    const row = { at: new Date(1), never: null, hash, data: { a: [null] } }
    const again = unpack(JSON.parse(JSON.stringify(pack(row))) as never)
    assert.deepEqual({ ...again, hash: [...again.hash] }, { ...row, hash: [0, 255, 128] })
    assert.equal(row.hash, hash)
  }
})
test('ring: gives what was put last under a key, once, or nothing; and never forgets the last few', () => {
  const size = 64
  const step = fc.record({
    take: fc.boolean(),
    key: fc.constantFrom('a', 'b', 'c', 'd'),
    text: fc.string({ unit: 'grapheme', maxLength: 20 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const ring = createRing(size)
      const known = new Map<string, string>()
      /** Everything that was written, the newest last. */
      const written: { key: string; text: string; length: number }[] = []
      for (const { take, key, text } of steps) {
        const last = known.get(key)
        known.delete(key)
        if (take) {
          const found = ring.take(key)
          assert.ok(found === undefined || found === last)
        } else {
          const length = Buffer.byteLength(text)
          ring.put(key, text)
          known.set(key, text)
          if (length <= size) written.push({ key, text, length })
        }
      }
      let after = 0
      for (const { key, text, length } of written.reverse()) {
        // What does not fit before the end of the block leaves a gap there, shorter than itself.
        after += length
        if (after > size / 2) break
        if (known.get(key) === text) assert.equal(ring.take(key), text)
        known.delete(key)
      }
    }),
  )
})
test('a refusal counts for nothing, a fault does', () => {
  assert.equal(unlessRefused(new ApiError('not_found', 'x')), undefined)
  assert.throws(() => unlessRefused(new TypeError('x')), TypeError)
})
