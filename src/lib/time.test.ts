import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dateOf, parseTime } from './time.ts'

const times: [text: string, expected: string | undefined][] = [
  ['2026-11-22T17:48:57.325Z', '2026-11-22T17:48:57.325Z'],
  ['2026-11-22T17:48:57.5Z', '2026-11-22T17:48:57.500Z'],
  ['2026-11-22T17:48:57.59Z', '2026-11-22T17:48:57.590Z'],
  ['2026-11-22T17:48:57.1234567Z', '2026-11-22T17:48:57.123Z'],
  ['2026-11-22T17:48:57Z', '2026-11-22T17:48:57.000Z'],
  ['2026-11-22T17:48:57', '2026-11-22T17:48:57.000Z'],
  ['2026-11-22T17:48Z', '2026-11-22T17:48:00.000Z'],
  ['2026-11-22T17:48:57+0100', '2026-11-22T16:48:57.000Z'],
  ['2026-11-22 17:48:57+01', '2026-11-22T16:48:57.000Z'],
  ['2026-11-22', '2026-11-22T00:00:00.000Z'],
  ['2026-13-22T17:48:57Z', undefined],
  ['tomorrow', undefined],
  ['', undefined],
  [' 2026-11-22T17:48:57,5z ', '2026-11-22T17:48:57.500Z'],
  ['2026-11-22t17:48:57.5+01:30', '2026-11-22T16:18:57.500Z'],
  ['2026-11-22T17:48:57 -0130', '2026-11-22T19:18:57.000Z'],
  ['2026-11-22T17:48+01', '2026-11-22T16:48:00.000Z'],
  ['2026-11-22Z', undefined],
  ['x2026-11-22', undefined],
  ['2026-11-22x', undefined],
  ['2026-11-22T17', undefined],
  ['2026-11-22T17:48:57.Z', undefined],
  ['2026-11-31T00:00:00Z', undefined],
  ['2026-02-29', undefined],
  ['2028-02-29', '2028-02-29T00:00:00.000Z'],
  ['0000-01-01', undefined],
  ['0001-01-01T00:00:00+01:00', undefined],
  ['9999-12-31', '9999-12-31T00:00:00.000Z'],
  ['9999-12-31T23:30:00-01:00', undefined],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['2026-11-22T17:48.5-01', '2026-11-22T18:48:00.500Z'],
  ['2026-11-22T17:48:57+1', undefined],
  ['2026-11-22T17:48:57+01:3', undefined],
]
for (const [text, expected] of times) {
  test(`time: ${text || 'nothing'}`, () => assert.equal(parseTime(text)?.toISOString(), expected))
}

const dates: [given: string | undefined, end: 'gte' | 'lte', expected: Date | null | undefined][] = [
  [undefined, 'gte', null],
  ['', 'lte', null],
  ['yesterday', 'lte', undefined],
  ['2026-11-23', 'gte', new Date('2026-11-23T00:00:00.000Z')],
  ['2026-11-23', 'lte', new Date('2026-11-23T23:59:59.999Z')],
  [' 2026-11-23 ', 'lte', new Date('2026-11-23T23:59:59.999Z')],
  ['2026-11-23T10:00:00Z', 'lte', new Date('2026-11-23T10:00:00.000Z')],
]
for (const [given, end, expected] of dates) {
  test(`end of a list: ${end} ${given} is ${expected?.toISOString()}`, () => assert.deepEqual(dateOf(given, end), expected))
}
