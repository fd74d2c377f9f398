import assert from 'node:assert/strict'
import { test } from 'node:test'
import { armFailpoints, failpoint } from '../src/lib/failpoints.ts'
import { crash } from './crash.ts'

const seed = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))
const runs = Number(process.env.CRASH_RUNS ?? 24)

test(`crash: after ${runs} crashes with seed ${seed} everything is as its clients were told, once`, async () => {
  const report = await crash({ runs, seed, say: () => {} })
  assert.deepEqual(report.faults, [], `seed ${seed}`)
  assert.ok(report.walks > 0 && report.moves > 0, JSON.stringify(report))
})

test('failpoints: nothing happens unless one is armed; then it throws, or waits, from the hit that was named', async () => {
  assert.equal(failpoint('money.answered'), undefined)
  try {
    armFailpoints('money.answered=throw@2, pay.answered=pause:1')
    await failpoint('money.answered')
    await failpoint('pay.answered')
    await failpoint('orders.written')
    await assert.rejects(async () => failpoint('money.answered'), /money.answered/)
    assert.throws(() => armFailpoints('no.such=kill'), /no.such=kill/)
  } finally {
    armFailpoints(undefined)
  }
})
