import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { dinteroSignature, eventSignature, kvittSignature } from '../src/notifications/signature/signature.ts'

test('example receiver: takes what we sign, and refuses what we did not', async (context) => {
  const env = { ...process.env, WEBHOOK_SECRET: 'w', SIGNATURE_SECRET: 's', ACCOUNT_ID: 'T11112222', PORT: '0' }
  const file = join(import.meta.dirname, '../examples/webhook-receiver.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill())
  const [line] = await once(child.stdout, 'data')
  const url = /http:\S+/.exec(String(line))![0]
  const now_s = Math.floor(Date.now() / 1_000)
  const body = '{"event":"settlement_add"}'
  const headers = {
    event: 'settlement_add',
    'webhook-id': 'd1',
    'event-delivery': 'd1',
    'webhook-timestamp': String(now_s),
    'event-signature': eventSignature('w', body),
    'kvitt-signature': kvittSignature('w', 'd1', now_s, body),
  }
  const post = async (changes: Record<string, string>, text = body) =>
    (await fetch(url, { method: 'POST', headers: { ...headers, ...changes }, body: text })).status
  assert.equal(await post({}), 200)
  assert.equal(await post({}, `${body} `), 401)
  assert.equal(await post({ 'webhook-id': 'd2' }), 401)
  const old = String(now_s - 1_000)
  assert.equal(await post({ 'webhook-timestamp': old, 'kvitt-signature': kvittSignature('w', 'd1', now_s - 1_000, body) }), 401)

  const callback = `${url}/cb?transaction_id=T11112222.a&time=2026-01-01T00%3A00%3A00.000Z`
  const signature = dinteroSignature('s', now_s, 'T11112222', 'GET', callback)
  const get = async (target: string) => (await fetch(target, { headers: { 'dintero-signature': signature } })).status
  assert.equal(await get(callback), 200)
  assert.equal(await get(callback.replace('.a', '.b')), 401)
})
