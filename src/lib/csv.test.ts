import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvCell } from './csv.ts'

for (const [value, cell] of [
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['a"b', '"a""b"'],
  ['=1+1', "'=1+1"],
  ['＝1+1', "'＝1+1"],
  ['@x,y', `"'@x,y"`],
  ['\n=1', `"'\n=1"`],
  [-5, '-5'],
  [undefined, ''],
] as const) {
  test(`csv: ${value} is ${cell}`, () => assert.equal(csvCell(value), cell))
}
