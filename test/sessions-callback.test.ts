import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { recordCallbackSent } from '../src/checkout/sessions/operations.ts'
import { send, until } from './client.ts'
import { partsOf, startShop, walk } from './sessions-shop.ts'

test('session callback: when it is delivered, the session tells so, once', async () => {
  const merchant = createServer((_, response) => response.end())
  await new Promise<void>((resolve) => merchant.listen(0, '127.0.0.1', resolve))
  const shop = await startShop({ work: true })
  try {
    const callback_url = `http://127.0.0.1:${(merchant.address() as AddressInfo).port}/callback`
    const id = await shop.create({ ...walk, url: { ...walk.url, callback_url } })
    const card = { number: '4000000000000002', expiry: '12/30', cvc: '123' }
    const body = { payment_product_type: 'dintero_psp.creditcard', card }
    assert.equal((await send(shop.server.url, 'POST', `/v1/sessions/${id}/pay`, { body })).status, 200)
    await until(async () => (await shop.names(id)).includes('AUTH_CALLBACK_SENT'))
    const { events } = await shop.read(id)
    const sent = events.filter(({ name }: { name: string }) => name === 'AUTH_CALLBACK_SENT')
    assert.equal(sent.length, 1)
    assert.match(sent[0].details.transaction_event_id, /^\d+$/)

    const again = { account_id: shop.account_id, session_id: id, name: 'AUTH_CALLBACK_SENT', ...sent[0].details } as const
    await recordCallbackSent(partsOf(shop.server), again)
    await recordCallbackSent(partsOf(shop.server), { ...again, session_id: `${shop.account_id}.nothing` })
    assert.equal((await shop.read(id)).events.length, events.length)
  } finally {
    merchant.close()
    await shop.close()
  }
})
