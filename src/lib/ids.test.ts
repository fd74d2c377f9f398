import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { accountIn, isAccountId, isUuid, systemIds } from './ids.ts'

const at = (time: number) => systemIds({ now: () => new Date(time) })
const time = fc.integer({ min: Date.UTC(2019, 0, 1), max: Date.UTC(2099, 11, 31) })
const alphabet = '123456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ'

/** The UUID of a short id, as `short-uuid` reads it. */
function uuidOf(short: string): string {
  const number = [...short].reduce((sum, digit) => sum * 58n + BigInt(alphabet.indexOf(digit)), 0n)
  return number
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('UUIDs are of version 4, in the order of their time, and different', () => {
  fc.assert(
    fc.property(time, time, (one, other) => {
      const [first, second] = [at(one).uuid(), at(other).uuid()]
      assert.match(first, version4)
      assert.notEqual(first, second)
      if (one !== other) assert.equal(first < second, one < other)
    }),
  )
  const now = at(Date.UTC(2026, 10, 28))
  assert.equal(new Set(Array.from({ length: 10_000 }, now.uuid)).size, 10_000)
})

test('short ids are UUIDs of version 4 that begin with the day, in the order of their time', () => {
  fc.assert(
    fc.property(time, time, (one, other) => {
      const [first, second] = [at(one).short('T12345678'), at(other).short('T12345678')].map((id) => uuidOf(id.slice(10)))
      assert.match(first!, version4)
      assert.equal(first!.slice(0, 6), new Date(one).toISOString().slice(2, 10).replaceAll('-', ''))
      assert.notEqual(first, second)
      // The time of the day stands there in steps of five milliseconds.
      if (Math.abs(one - other) > 10) assert.equal(first! < second!, one < other)
    }),
  )
  assert.match(at(0).short('T12345678'), /^T12345678\.[1-9a-zA-Z]{22}$/)
})

test('ids: what has the form of one', () => {
  const texts = ['T12345678', 'P12345678', 'T123', 'T1234567', 'T123456789', 'X12345678', 'xT12345678']
  assert.deepEqual(texts.filter(isAccountId), texts.slice(0, 2))
  assert.deepEqual(
    [...texts, 'x.T12345678'].map((text) => accountIn(`${text}.x`)),
    ['T12345678', 'P12345678', ...Array(6)],
  )
  assert.equal(accountIn('T12345678'), undefined)
  const uuid = at(0).uuid()
  const others = ['', `${uuid}0`, `0${uuid}`, uuid.replace('-', ''), uuid.replace('0', 'g')]
  assert.deepEqual([uuid, uuid.toUpperCase(), ...others].filter(isUuid), [uuid, uuid.toUpperCase()])
})
