import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import { limits } from './limits.ts'
import { closeWhenSilent } from './silence.ts'

type ServerPlace = { path: string } | { host: string; port: number }
/** Where the server is, and how the driver greets it: its own options. */
export type Place = { path?: string; host: string[]; port: number[]; connection: Record<string, unknown>; ssl?: unknown }

export type SocketOptions = {
  /** `sslmode`, as in the URL; see {@link tlsOf}. */
  tls?: string | false | undefined
  /** Those that may be asked, when they are several or must take writes. Shared by all that connect to them. */
  servers?: Servers | undefined
  /** How much it holds before it says so. */
  highWaterMark?: number
  /** A server that was asked something and says nothing for this long is gone. Without it, it is waited for. */
  silent_ms?: number | undefined
  /** Called when the driver knows that the socket has closed. */
  onclose?: () => void
}
/** `at`: the one that answered last, counted round and round. `no_use`: when each was last found to be of none, by its place. */
export type Servers = { places: readonly ServerPlace[]; must_write: boolean; at: number; no_use: Map<number, number> }

/**
 * Opens a socket for a connection of the driver (`postgres`, its option `socket`). It goes around two faults in what the driver does when
 * a connection breaks:
 * - of an error it tells those who wait for an answer, but takes more statements until the socket has closed, and never answers them; what
 *   comes later on that connection waits behind them. Here a socket that was connected has no errors: it just closes.
 * - what it had not sent yet when the socket closed, it never sends, and nothing else, until that is a kilobyte: the next sockets greet
 *   nobody, and each waits for a connection that times out. Here the greeting is a kilobyte, of which only the greeting is sent.
 *
 * TLS is agreed on here, too, unless the driver is to do it itself (`ssl`): it would wrap a socket of its own around this one. A server
 * that can't be reached is a socket that closes with an error; nothing is thrown.
 */
export async function openSocket(at: Place, options: SocketOptions = {}): Promise<net.Socket> {
  const { path, host, port, connection, ssl } = at
  if (!ssl) connection[padding] = ' '.repeat(1_024)
  const { tls, servers } = options
  const place = path ? { path } : { host: host[0]!, port: port[0]! }
  if (!tls && !servers) return standIn(connectTo(place, options), options)
  const places = path ? [place] : (servers?.places ?? [place])
  let failure: unknown
  for (const _ of places) {
    const asked = servers?.at ?? 0
    try {
      const socket = await reach(places[asked % places.length]!, options)
      return standIn(socket, options, servers && { asked, servers })
    } catch (error) {
      failure = error
      if (servers) goOn(servers, asked)
    }
  }
  const failed = Object.assign(new net.Socket(), place)
  // Heard a tick later: by then the driver listens.
  return standIn(failed.destroy(failure as Error), options)
}

/**
 * Of several that found the same server of no use, one goes on to the next.
 * @returns whether none is of use
 */
function goOn(servers: Servers, asked: number): boolean {
  const { places, no_use } = servers
  if (servers.at === asked) servers.at += 1
  no_use.set(asked % places.length, performance.now())
  const since = performance.now() - limits.reconnect_wait_max_s * 1_000
  return no_use.size === places.length && [...no_use.values()].every((found) => found > since)
}

const attributes = ['read-write', 'primary', 'any']

/**
 * The servers of a database's URL (`postgres://u:p@a:1,b:2/name`), when it names several, or says that it must take writes. Of several
 * it must, unless the URL says `any`: after a failover the one that was first is often a standby, and answers. Throws for what would not
 * write.
 */
export function serversOf(url: string, wanted: string | null): Servers | undefined {
  if (wanted !== null && !attributes.includes(wanted)) {
    throw new Error(`DATABASE_URL: target_session_attrs must be one of ${attributes.join(', ')}, not ${wanted}: Kvitt writes.`)
  }
  const hosts = /^[^:]+:\/\/(?:[^@/]*@)?([^/?]*)/.exec(url)?.[1]?.split(',') ?? []
  const must_write = wanted === null ? hosts.length > 1 : wanted !== 'any'
  // The driver would end an IPv6 address at its first colon.
  if (hosts.length < 2 && !must_write && !hosts[0]?.startsWith('[')) return undefined
  const places = hosts.map((text) => {
    const [, host = 'localhost', port = '5432'] = /^(.*?)(?::(\d+))?$/.exec(text)!
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) }
  })
  return { places, must_write, at: 0, no_use: new Map() }
}

/** PostgreSQL says both as soon as somebody has logged in. */
const no_writes = /(in_hot_standby|default_transaction_read_only)\0on\0/
const ready = 'Z\0\0\0\x05'

/** The `sslmode` of a database's URL, or `ssl`, as the driver reads it; false for none. */
export function tlsOf(query: URLSearchParams): string | false {
  if (query.get('sslrootcert') === 'system') return 'verify-full'
  const mode = query.get('sslmode') ?? query.get('ssl') ?? 'disable'
  return mode !== 'disable' && mode !== 'false' && mode
}

/**
 * What the driver is given: the socket, with what it sends first and what it hears changed. One that closes before PostgreSQL is ready is
 * an error, be it that of a proxy with nothing behind it, or of something else that listens there: the driver would try again and again,
 * and tell nobody. Of several servers the next is asked then, as after a standby, until none is of use.
 */
function standIn(
  socket: net.Socket,
  { silent_ms, onclose }: SocketOptions,
  among?: { servers: Servers; asked: number },
): net.Socket {
  const { emit, write } = socket
  const tell = (event: string, ...args: unknown[]): boolean => Reflect.apply(emit, socket, [event, ...args])
  let heard = ''
  let is_ready = false
  let told = false
  const giveUp = (error: unknown) => {
    // Untold, the driver asks again, and gets the next one.
    if (!told && (!among || goOn(among.servers, among.asked))) tell('error', error)
    told = true
    return true
  }
  socket.emit = (event: string, ...args: unknown[]) => {
    if (event === 'data' && !is_ready) {
      heard += (args[0] as Buffer).toString('latin1')
      if (among?.servers.must_write && no_writes.test(heard)) {
        socket.destroy()
        return giveUp(lost('ECONNREFUSED', 'No server of the database takes writes.'))
      }
      is_ready = heard.includes(ready)
      if (is_ready) among?.servers.no_use.clear()
    }
    if (event === 'error') return is_ready || giveUp(args[0])
    if (event !== 'close') return tell(event, ...args)
    if (!is_ready) giveUp(lost('CONNECTION_CLOSED'))
    const result = tell('close', !is_ready)
    onclose?.()
    return result
  }
  socket.write = (data: Buffer, ...rest: unknown[]) => {
    socket.write = write
    if (silent_ms !== undefined) closeWhenSilent(socket, silent_ms)
    return Reflect.apply(write, socket, [greetingIn(data) ?? data, ...rest])
  }
  return socket
}

function connectTo(place: ServerPlace, { highWaterMark }: SocketOptions): net.Socket {
  const held = highWaterMark === undefined ? {} : { writableHighWaterMark: highWaterMark }
  return Object.assign(net.connect({ ...place, ...held, noDelay: true }), 'path' in place ? {} : place)
}

const ssl_request = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const yes = 'S'.charCodeAt(0)

/** A connection to a server, with TLS if that is asked for; without, when `prefer` is asked and the server does not speak it. Or throws. */
async function reach(place: ServerPlace, options: SocketOptions): Promise<net.Socket> {
  const plain = connectTo(place, options)
  const late = setTimeout(() => plain.destroy(lost('CONNECT_TIMEOUT')), limits.connect_timeout_s * 1_000)
  try {
    await happens(plain, 'connect')
    return options.tls ? await secured(plain, place, options.tls, options) : plain
  } catch (error) {
    plain.destroy()
    throw error
  } finally {
    clearTimeout(late)
  }
}

async function secured(plain: net.Socket, place: ServerPlace, mode: string, options: SocketOptions): Promise<net.Socket> {
  plain.write(ssl_request)
  const [answer] = (await happens(plain, 'data')) as [Buffer]
  if (answer[0] !== yes && mode === 'prefer') return plain
  if (answer[0] !== yes) throw lost('ECONNREFUSED', 'The database does not speak TLS.')
  const { highWaterMark } = options
  const socket = tls.connect({
    socket: plain,
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
    // Whom the certificate must name. A name is also told to the server; an address may not be.
    ...('host' in place ? { host: place.host, ...(net.isIP(place.host) ? {} : { servername: place.host }) } : {}),
    rejectUnauthorized: !['require', 'allow', 'prefer'].includes(mode),
  } as tls.ConnectionOptions)
  await happens(socket, 'secureConnect')
  return Object.assign(socket, 'path' in place ? {} : place)
}

/** Throws when the socket breaks, or closes, before. */
function happens(socket: net.Socket, event: string): Promise<unknown[]> {
  const closed = once(socket, 'close').then(() => Promise.reject(lost('CONNECTION_CLOSED')))
  return Promise.race([once(socket, event), closed])
}

const lost = (code: string, message = 'The database ended the connection.') => Object.assign(new Error(message), { code })

const padding = 'padding'
const protocol_3 = 196_608

/** The greeting (`StartupMessage`), without what was left over before it and without the padding; undefined when there is none. */
function greetingIn(data: Buffer): Buffer | undefined {
  let start = 0
  while (
    start < data.length - 8 &&
    !(data.readInt32BE(start) === data.length - start && data.readInt32BE(start + 4) === protocol_3)
  ) {
    start += 1
  }
  const greeting = data.subarray(start)
  const from = greeting.indexOf(`\0${padding}\0`)
  if (from === -1) return undefined
  const until = greeting.indexOf(0, from + padding.length + 2)
  const short = Buffer.concat([greeting.subarray(0, from), greeting.subarray(until)])
  short.writeInt32BE(short.length)
  return short
}
