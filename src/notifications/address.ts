import { BlockList, isIP, isIPv4 } from 'node:net'

/** Whether an address may be called. `loopback` is this machine; `internal` is anything else that is not the public internet. */
export type Reach = 'public' | 'loopback' | 'internal'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)

/** IANA's special-purpose registries: private, link-local (with the metadata services of clouds), shared, test, multicast, reserved. */
const internal = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.31.196.0', 24],
  ['192.52.193.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['192.175.48.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  internal.addSubnet(network, prefix)
}

/** Says where an IP address leads. IPv6 forms that carry an IPv4 address are judged by that one; only 2000::/3 is public. */
export function reach(address: string): Reach {
  if (isIPv4(address)) {
    if (loopback.check(address)) return 'loopback'
    return internal.check(address) ? 'internal' : 'public'
  }
  if (isIP(address) !== 6) return 'internal'
  const words = wordsOf(address)
  const [first = 0, second = 0] = words
  const upper = words.slice(0, 6)
  const embedded = [words[6]! >> 8, words[6]! & 255, words[7]! >> 8, words[7]! & 255].join('.')
  const zeros = (count: number) => upper.slice(0, count).every((word) => word === 0)
  if (zeros(6) && words[6] === 0 && words[7] === 1) return 'loopback'
  // ::ffff:a.b.c.d (mapped), 64:ff9b::a.b.c.d (NAT64)
  if (zeros(5) && upper[5] === 0xffff) return reach(embedded)
  if (first === 0x64 && second === 0xff9b && upper.slice(2).every((word) => word === 0)) return reach(embedded)
  if (first < 0x2000 || first > 0x3fff) return 'internal'
  // IETF protocols with Teredo (2001::/23), documentation (2001:db8::/32, 3fff::/20), 6to4 (2002::/16).
  if (first === 0x2001 && (second < 0x200 || second === 0xdb8)) return 'internal'
  if (first === 0x2002 || (first === 0x3fff && second < 0x1000)) return 'internal'
  return 'public'
}

/** What may be called beside public addresses over HTTPS: this machine, and networks (`10.1.0.0/16`, one address) of the operator. */
export type Openings = { allow_loopback: boolean; networks?: readonly string[] }

/** Whether an address may be called with this protocol (`https:`). Plain HTTP reaches only what is opened; in development, everything. */
export type May = (address: string, protocol: string) => boolean

/** Judges addresses. The networks must be valid; `readConfig` sees to that. */
export function createGuard({ allow_loopback, networks = [] }: Openings): May {
  const opened = new BlockList()
  for (const network of networks) {
    const [address = '', prefix] = network.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    opened.addSubnet(address, Number(prefix ?? (family === 'ipv4' ? 32 : 128)), family)
  }
  return (address, protocol) => {
    const family = isIP(address)
    if (family !== 0 && opened.check(address.replace(/%.*$/, ''), family === 6 ? 'ipv6' : 'ipv4')) return true
    const where = reach(address)
    if (where === 'loopback') return allow_loopback
    return where === 'public' && (protocol === 'https:' || allow_loopback)
  }
}

/** The eight words of an IPv6 address, however it is written. */
function wordsOf(address: string): number[] {
  const [head = '', tail = ''] = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1).split('::')
  const parse = (text: string) => (text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16)))
  const [before, after] = [parse(head), parse(tail)]
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after]
}
