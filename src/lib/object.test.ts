import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asText, dropNulls, isObject, sameJson } from './object.ts'

test('text: of a text, number or truth value, and of nothing else', () => {
  const cases: [unknown, string | undefined][] = [
    ['', ''],
    ['a', 'a'],
    [0, '0'],
    [false, 'false'],
    [{ toString: 1 }, undefined],
  ]
  for (const none of [undefined, null, {}, [], ['a']]) cases.push([none, undefined])
  for (const [value, text] of cases) assert.equal(asText(value), text)
})

test('object: neither null nor a list', () => {
  assert.deepEqual([{}, { a: 1 }, [], null, undefined, 'a', 1].map(isObject), [true, true, false, false, false, false, false])
})

const pairs: [one: unknown, other: unknown, same: boolean][] = [
  [1, 1, true],
  [1, '1', false],
  [null, undefined, false],
  [null, {}, false],
  [{}, null, false],
  [{}, {}, true],
  [{}, 1, false],
  [1, {}, false],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1 }, { a: 2 }, false],
  [{ a: 1 }, { b: 1 }, false],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: 2 }, false],
  [[1, 2], [1, 2], true],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [[1, 2], [1], false],
  [[1, undefined], [1], false],
  [[1], [1, undefined], false],
  [[], {}, false],
  [{}, [], false],
  [{ a: [{ b: 1 }] }, { a: [{ b: 1 }] }, true],
  [{ a: [{ b: 1 }] }, { a: [{ b: 2 }] }, false],
]
for (const [one, other, same] of pairs) {
  test(`same JSON: ${JSON.stringify(one)} and ${JSON.stringify(other)}: ${same}`, () => assert.equal(sameJson(one, other), same))
}

const dropped: [value: unknown, expected: unknown, keep?: string[]][] = [
  [null, null],
  [1, 1],
  [
    { a: null, b: 1, c: undefined },
    { b: 1, c: undefined },
  ],
  [{ a: { b: null, c: 1 } }, { a: { c: 1 } }],
  [
    [null, { a: null, b: 1 }],
    [null, { b: 1 }],
  ],
  [{ a: [{ b: null }] }, { a: [{}] }],
  [{ a: null, b: null }, { a: null }, ['/a']],
  [{ a: { b: null, c: null } }, { a: { b: null } }, ['/a/b']],
  [{ b: null, a: { b: null } }, { a: { b: null } }, ['/a/b']],
  [[{ a: null }, { a: null }], [{}, { a: null }], ['/1/a']],
]
for (const [value, expected, keep] of dropped) {
  test(`nulls of ${JSON.stringify(value)}, but ${keep ?? 'none'}`, () => {
    assert.deepEqual(keep ? dropNulls(value, keep) : dropNulls(value), expected)
  })
}
