import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLru, createRefreshing } from './cache.ts'

test('lru: never more than its limit; what was used last stays', () => {
  const lru = createLru<number>(3)
  for (const [index, key] of ['a', 'b', 'c'].entries()) lru.set(key, index)
  assert.equal(lru.get('a'), 0)
  lru.set('d', 3)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => lru.get(key)),
    [0, undefined, 2, 3],
  )
  lru.delete('a')
  assert.equal(lru.get('a'), undefined)
})

test('refreshing: callers that come together share one question, also about nothing', async () => {
  const asked: string[] = []
  const find = createRefreshing(
    async (account_id, id) => {
      asked.push(`${account_id} ${id}`)
      return id === 'none' ? undefined : id
    },
    { lifetime_ms: 60_000, entries_max: 10 },
  )
  assert.deepEqual(
    await Promise.all([find('T1', 'a'), find('T1', 'a'), find('T1', 'none'), find('T1', 'none'), find('T2', 'a')]),
    ['a', 'a', undefined, undefined, 'a'],
  )
  assert.deepEqual(asked, ['T1 a', 'T1 none', 'T2 a'])
})

test('refreshing: asks again for an answer that is too old or from before the caller knew better, and after a failure', async () => {
  let count = 0
  const options = { lifetime_ms: 60_000, entries_max: 10 }
  const find = createRefreshing(async () => ++count, options)
  assert.equal(await find('T1', 'a'), 1)
  const since = performance.now()
  assert.equal(await find('T1', 'a', since), 2)
  assert.equal(await find('T1', 'a', since), 2)

  const impatient = createRefreshing(async () => ++count, { ...options, lifetime_ms: 0 })
  assert.equal(await impatient('T1', 'a'), 3)
  assert.equal(await impatient('T1', 'a'), 4)

  let broken = true
  const unlucky = createRefreshing(async () => {
    if (broken) throw new Error('no database')
    return 'here'
  }, options)
  await assert.rejects(unlucky('T1', 'a'))
  broken = false
  assert.equal(await unlucky('T1', 'a'), 'here')
})
