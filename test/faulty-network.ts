import { connect, createServer, type Socket } from 'node:net'
import type { Chance } from './hostile.ts'

/**
 * A TCP proxy that does to a connection what networks do. Each time the client has sent something, and each time something comes back, it
 * may wait, or cut the connection: after the request has gone through (its effect stands, its answer is lost), or before.
 */
export async function startFaultyNetwork(target: URL, r: Chance) {
  const faults = { delayed: 0, cut_before: 0, cut_after: 0, cut_reply: 0 }
  /** How often a piece of traffic meets a fault; 0 is an honest proxy. */
  const rate = { value: 0 }
  const sockets = new Set<Socket>()
  // Each kind in turn, and none waits for its chance for ever: a test without faults would show nothing.
  const kinds = ['delayed', 'cut_before', 'cut_after'] as const
  let turn = r.below(kinds.length)
  const spared = { request: 0, reply: 0 }
  const meetsFault = (direction: 'request' | 'reply') => {
    spared[direction] += 1
    if (!r.odds(rate.value) && spared[direction] * rate.value < 1) return false
    spared[direction] = 0
    return true
  }
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    const cut = () => {
      client.destroy()
      upstream.destroy()
    }
    pipe(client, upstream, async (forward) => {
      if (!meetsFault('request')) return forward()
      const kind = kinds[turn++ % kinds.length]!
      faults[kind] += 1
      if (kind === 'cut_before') return cut()
      if (kind === 'delayed') await new Promise((wake) => setTimeout(wake, r.below(60)))
      forward()
      // Long enough for the other side to have acted on it, not long enough for its answer to be read.
      if (kind === 'cut_after') {
        client.destroy()
        setTimeout(() => upstream.destroy(), 30)
      }
    })
    pipe(upstream, client, async (forward) => {
      if (!meetsFault('reply')) return forward()
      faults.cut_reply += 1
      cut()
    })
    client.on('close', () => upstream.end())
    upstream.on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    faults,
    rate,
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** Hands on what arrives, in order, each piece through `pass`. */
function pipe(from: Socket, to: Socket, pass: (forward: () => void) => Promise<void>): void {
  let last = Promise.resolve()
  from.on('data', (data) => {
    last = last.then(() => pass(() => void (to.destroyed || to.write(data))))
  })
  from.on('end', () => {
    last = last.then(() => void to.end())
  })
}
