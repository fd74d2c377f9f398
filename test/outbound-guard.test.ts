import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { readConfig } from '../src/lib/config.ts'
import { createOutbound, type Lookup } from '../src/notifications/outbound.ts'
import { type Receiver, startReceiver } from './receiver.ts'

let inside: Receiver
before(async () => {
  inside = await startReceiver()
})
after(() => inside.close())

const call = (url: string) => ({ method: 'GET' as const, url, headers: {}, timeout_ms: 2_000 })
/** Why a call had no answer. */
async function refused(options: Parameters<typeof createOutbound>[0], url: string): Promise<string> {
  const outbound = createOutbound(options)
  const result = await outbound.call(call(url))
  await outbound.close()
  return 'status' in result ? `status ${result.status}` : result.kind
}

test('guard: a name that leads into an opened network is called, one that leads elsewhere inside is not', async () => {
  const lookup: Lookup = (host, _options, done) =>
    done(null, [{ address: host === 'shop.internal' ? '127.0.0.1' : '10.0.0.1', family: 4 }])
  const options = { allow_loopback: false, networks: ['127.0.0.1/32'], lookup }
  assert.equal(await refused(options, `http://shop.internal:${inside.port}/`), 'status 200')
  assert.equal(await refused(options, `http://other.internal:${inside.port}/`), 'address')
  assert.equal(await refused(options, 'http://10.0.0.1/'), 'address')
})

test('configuration: a switch is on, off, or a mistake', () => {
  const read = (KVITT_ALLOW_LOOPBACK_CALLBACKS: string) => readConfig({ KVITT_ALLOW_LOOPBACK_CALLBACKS }).allow_loopback_callbacks
  for (const on of ['1', 'true', 'YES', 'on']) assert.equal(read(on), true, on)
  for (const off of ['', '0', 'false', 'no', 'OFF']) assert.equal(read(off), false, off)
  assert.throws(() => read('maybe'), /KVITT_ALLOW_LOOPBACK_CALLBACKS must be 1 or 0, not maybe/)
})

test('settings: KVITT_ALLOW_CALLBACK_NETWORKS is a list of networks', () => {
  const read = (KVITT_ALLOW_CALLBACK_NETWORKS: string) => readConfig({ KVITT_ALLOW_CALLBACK_NETWORKS }).callback_networks
  assert.deepEqual(read(''), [])
  assert.deepEqual(read('10.1.0.0/16, fd00::/8 192.168.1.5'), ['10.1.0.0/16', 'fd00::/8', '192.168.1.5'])
  for (const wrong of ['10.0.0.0/33', '10.0.0/8', 'shop', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'fd00::/129']) {
    assert.throws(() => read(wrong), /KVITT_ALLOW_CALLBACK_NETWORKS lists networks/, wrong)
  }
})

for (const host of ['127.0.0.1', '2130706433', '0x7f000001', '0177.0.0.1', '127.1', '[::1]', '[::ffff:7f00:1]', 'localhost']) {
  test(`guard: ${host} is not called in production, over TLS or without`, async () => {
    const before = inside.received.length
    assert.equal(await refused({ allow_loopback: false }, `https://${host}:${inside.port}/`), 'address')
    assert.equal(await refused({ allow_loopback: false }, `http://${host}:${inside.port}/`), 'address')
    assert.equal(inside.received.length, before)
  })
}

test('guard: the development flag opens this machine and plain HTTP, but no other inner address', async () => {
  assert.equal(await refused({ allow_loopback: true }, `http://127.0.0.1:${inside.port}/`), 'status 200')
  assert.equal(await refused({ allow_loopback: true }, `http://localhost:${inside.port}/`), 'status 200')
  assert.equal(await refused({ allow_loopback: true }, 'http://169.254.169.254/latest/meta-data'), 'address')
  assert.equal(await refused({ allow_loopback: true }, 'http://[fd00:ec2::254]/'), 'address')
})

for (const url of ['file:///etc/passwd', 'ftp://example.com', 'gopher://127.0.0.1', 'not a url', '/relative']) {
  test(`guard: ${url} is not called`, async () => assert.equal(await refused({ allow_loopback: true }, url), 'address'))
}

test('guard: a name that answers with an allowed address first and an inner one then is refused when it does', async () => {
  const answers = ['127.0.0.1', '10.0.0.1']
  let asked = 0
  const lookup: Lookup = (_host, _options, done) => done(null, [{ address: answers[asked++]!, family: 4 }])
  const shop = await startReceiver((_request, response) => response.writeHead(200, { connection: 'close' }).end())
  const outbound = createOutbound({ allow_loopback: true, lookup })
  const first = await outbound.call(call(`http://rebind.example:${shop.port}/`))
  assert.ok('status' in first && first.status === 200)
  const second = await outbound.call(call(`http://rebind.example:${shop.port}/`))
  assert.ok('kind' in second && second.kind === 'address')
  assert.equal(asked, 2, 'each connection is looked up anew')
  await outbound.close()
  await shop.close()
})

test('guard: of several addresses only the public ones are tried', async () => {
  const lookup: Lookup = (_host, _options, done) =>
    done(null, [
      { address: '10.0.0.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
      { address: '::1', family: 6 },
    ])
  assert.equal(await refused({ allow_loopback: false, lookup }, `https://mixed.example:${inside.port}/`), 'address')
  const open = createOutbound({ allow_loopback: true, lookup })
  const result = await open.call(call(`http://mixed.example:${inside.port}/`))
  assert.ok('status' in result && result.status === 200)
  await open.close()
})

test('guard: a redirect is an answer, not a way in', async () => {
  const target = inside.received.length
  const shop = await startReceiver((_request, response) => response.writeHead(307, { location: `${inside.url}/admin` }).end())
  const outbound = createOutbound({ allow_loopback: true })
  const result = await outbound.call(call(shop.url))
  assert.ok('status' in result && result.status === 307)
  assert.equal(inside.received.length, target)
  await outbound.close()
  await shop.close()
})

test('guard: credentials in a URL become a header', async () => {
  const outbound = createOutbound({ allow_loopback: true })
  await outbound.call(call(`http://shop:p%40ss@127.0.0.1:${inside.port}/x`))
  const header = `Basic ${Buffer.from('shop:p@ss').toString('base64')}`
  assert.equal(inside.received.at(-1)!.headers.authorization, header)
  await outbound.close()
})
