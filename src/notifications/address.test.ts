import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGuard, reach } from './address.ts'

const addresses: [address: string, where: ReturnType<typeof reach>][] = [
  ['93.184.215.14', 'public'],
  ['1.1.1.1', 'public'],
  ['2606:4700:4700::1111', 'public'],
  ['2a00:1450:4001:81b:1:2:3:4', 'public'],
  ['64:ff9b::1.1.1.1', 'public'],
  ['::ffff:1.1.1.1', 'public'],
  ['127.0.0.1', 'loopback'],
  ['127.255.255.254', 'loopback'],
  ['::1', 'loopback'],
  ['0:0:0:0:0:0:0:1', 'loopback'],
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['64:ff9b::127.0.0.1', 'loopback'],
  ...[
    ...['0.0.0.0', '10.0.0.1', '100.64.0.1', '169.254.169.254', '172.16.0.1', '172.31.255.255', '192.168.1.1', '192.0.0.1'],
    ...['192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'],
    ...['::', '::ffff:10.0.0.1', '::ffff:a9fe:a9fe', '64:ff9b::a00:1', '64:ff9b:1::1', '::10.0.0.1', 'fe80::1', 'fe80::1%eth0'],
    ...[
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
      'fec0::1',
      '2001:db8::1',
      '2001::1',
      '2002:7f00:1::',
      '100::1',
      '3fff::1',
      'no ip',
    ],
  ].map((address): [string, 'internal'] => [address, 'internal']),
]
for (const [address, where] of addresses) {
  test(`address: ${address} is ${where}`, () => assert.equal(reach(address), where))
}

/** What the operator opened, asked for with a protocol. */
const openings: [networks: string[], address: string, protocol: string, may: boolean][] = [
  [[], '10.1.2.3', 'https:', false],
  [[], '93.184.215.14', 'https:', true],
  [[], '93.184.215.14', 'http:', false],
  [['10.1.0.0/16'], '10.1.2.3', 'https:', true],
  [['10.1.0.0/16'], '10.1.2.3', 'http:', true],
  [['10.1.0.0/16'], '::ffff:10.1.2.3', 'http:', true],
  [['10.1.0.0/16'], '::ffff:a01:203', 'https:', true],
  [['10.1.0.0/16'], '10.2.2.3', 'https:', false],
  [['10.1.0.0/16'], '169.254.169.254', 'http:', false],
  [['10.1.0.0/16'], '127.0.0.1', 'http:', false],
  [['10.1.0.0/16'], '93.184.215.14', 'http:', false],
  [['192.168.1.5', 'fd12:3456::/32'], '192.168.1.5', 'http:', true],
  [['192.168.1.5', 'fd12:3456::/32'], '192.168.1.6', 'http:', false],
  [['192.168.1.5', 'fd12:3456::/32'], 'fd12:3456::1', 'http:', true],
  [['192.168.1.5', 'fd12:3456::/32'], 'fd00:ec2::254', 'http:', false],
  [['192.168.1.5', 'fd12::5'], '192.168.1.6', 'http:', false],
  [['192.168.1.5', 'fd12::5'], 'fd12::5', 'http:', true],
  [['192.168.1.5', 'fd12::5'], 'fd12::6', 'http:', false],
]
for (const [networks, address, protocol, may] of openings) {
  test(`address: ${address} over ${protocol} is ${may ? '' : 'not '}called when ${networks.join(' and ') || 'nothing'} is opened`, () => {
    assert.equal(createGuard({ allow_loopback: false, networks })(address, protocol), may)
  })
}

// The neighbours of what is not public, and what must not be taken for IPv4 within IPv6.
const edges: [address: string, where: ReturnType<typeof reach>][] = [
  ['0:0:0:0:0:0:1:1', 'internal'],
  ['::2', 'internal'],
  ['1::1', 'internal'],
  ['::1:ffff:1.1.1.1', 'internal'],
  ['::fffe:1.1.1.1', 'internal'],
  ['64:ff9b:0:0:0:1:1.1.1.1', 'internal'],
  ['64:ff9a::1.1.1.1', 'internal'],
  ['65:ff9b::1.1.1.1', 'internal'],
  ['::ffff:8.8.4.4', 'public'],
  ['::ffff:8.8.4.10', 'public'],
  ['1fff:ffff::1', 'internal'],
  ['2000::', 'public'],
  ['3ffe::1', 'public'],
  ['3fff:fff::1', 'internal'],
  ['3fff:1000::1', 'public'],
  ['4000::1', 'internal'],
  ['2001:1ff::1', 'internal'],
  ['2001:200::1', 'public'],
  ['2001:db7::1', 'public'],
  ['2001:db9::1', 'public'],
  ['2000:db8::1', 'public'],
  ['2003::1', 'public'],
  ['2606:4700::1111%eth0', 'public'],
  ['2606:4700:0:0:0:0:0:1111', 'public'],
  ['', 'internal'],
]
for (const [address, where] of edges) {
  test(`address: ${address || 'nothing'} is ${where}`, () => assert.equal(reach(address), where))
}

test('address: in development, this machine and everything public, over any protocol', () => {
  const may = createGuard({ allow_loopback: true })
  assert.deepEqual(
    ['127.0.0.1', '::1', '1.1.1.1', '10.0.0.1'].map((address) => may(address, 'http:')),
    [true, true, true, false],
  )
  const strict = createGuard({ allow_loopback: false })
  assert.deepEqual(
    ['127.0.0.1', '1.1.1.1', 'no ip'].map((address) => strict(address, 'https:')),
    [false, true, false],
  )
  const zoned = createGuard({ allow_loopback: false, networks: ['fe80::/10'] })
  assert.equal(zoned('fe80::1%eth0', 'http:'), true)
  assert.equal(zoned('shop.example', 'https:'), false)
})
