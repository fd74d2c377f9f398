import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction, type Socket } from 'node:net'
import type { Agent } from 'undici'
import type { Config } from '../lib/config.ts'
import { limits } from '../lib/limits.ts'
import { createGuard, type Openings } from './address.ts'
import type { CallResult } from './deliveries/delivery.ts'

/** One call to a merchant's server. `signal` ends it early, when the process stops. */
export type OutboundCall = {
  method: 'GET' | 'POST'
  url: string
  headers: Record<string, string>
  body?: string
  timeout_ms: number
  /** How much of the answer is read. */
  answer_bytes?: number
  insecure_ssl?: boolean
  signal?: AbortSignal
}

export type Outbound = { call(call: OutboundCall): Promise<CallResult>; close(): Promise<void> }

/** Resolves all addresses of a host; the system's, unless a test brings its own. */
export type Lookup = (
  host: string,
  options: { all: true },
  done: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

class AddressRefused extends Error {}

/**
 * Calls merchants' servers, and nothing else: every address that a connection is really made to is checked, so that neither a
 * name that changes its mind nor another spelling of 127.0.0.1 gets inside. Redirects are not followed, answers are cut.
 * @param options.allow_loopback development: this machine may be called too, and plain HTTP be spoken
 * @param options.networks the operator's own networks that may be called too, also over plain HTTP
 */
export function createOutbound(options: Openings & { lookup?: Lookup }): Outbound {
  const may = createGuard(options)
  const resolve = options.lookup ?? (systemLookup as Lookup)
  const lookup: LookupFunction = (host, wanted, done) => {
    resolve(host, { ...wanted, all: true }, (error, addresses) => {
      if (error) return done(error, [])
      const allowed = addresses.filter(({ address }) => may(address, 'https:'))
      const [first] = allowed
      if (!first) return done(new AddressRefused(`${host} resolves to an address that is not public.`), [])
      if (wanted.all) done(null, allowed)
      else done(null, first.address, first.family)
    })
  }
  /** Loaded at the first call: a tenth of a second that a server need not wait for to start. */
  const open = async () => {
    const { Agent, buildConnector, request } = await import('undici')
    const agents = [true, false].map((rejectUnauthorized) => {
      const connect = buildConnector({ lookup, rejectUnauthorized, timeout: limits.callback_timeout_ms })
      return new Agent({
        // How many calls an endpoint may have under way is decided where they are claimed: endpoints that share a host don't share it.
        connections: null,
        keepAliveTimeout: 1_000,
        keepAliveMaxTimeout: 1_000,
        connect(target, done) {
          connect(target, (error, socket) => {
            if (error) return done(error, null)
            const { remoteAddress } = socket as Socket
            if (remoteAddress !== undefined && may(remoteAddress, target.protocol)) return done(null, socket)
            socket.destroy()
            done(new AddressRefused(`${target.hostname} led to an address that is not public.`), null)
          })
        },
      })
    })
    return { request, agents }
  }
  let opened: ReturnType<typeof open> | undefined
  return {
    async call(call) {
      let started = performance.now()
      const took = () => Math.round(performance.now() - started)
      const refusal = refusedUrl(call.url, options)
      if (refusal) return { error: refusal, kind: 'address', duration_ms: 0 }
      const ended = new AbortController()
      const end = () => ended.abort()
      let deadline: NodeJS.Timeout | undefined
      call.signal?.addEventListener('abort', end, { once: true })
      if (call.signal?.aborted) end()
      try {
        opened ??= open()
        const { request, agents } = await opened
        // The merchant's time begins when he can be called.
        started = performance.now()
        deadline = setTimeout(end, call.timeout_ms)
        const answer = await send(call, request, agents[call.insecure_ssl ? 1 : 0]!, ended.signal)
        return { ...answer, duration_ms: took() }
      } catch (error) {
        if (call.signal?.aborted) return { error: 'The process stopped.', kind: 'interrupted', duration_ms: took() }
        if (ended.signal.aborted)
          return { error: `No answer within ${call.timeout_ms} ms.`, kind: 'timeout', duration_ms: took() }
        const kind = error instanceof AddressRefused ? 'address' : 'connection'
        return { error: reason(error), kind, duration_ms: took() }
      } finally {
        clearTimeout(deadline)
        call.signal?.removeEventListener('abort', end)
      }
    },
    async close() {
      const { agents = [] } = (await opened) ?? {}
      await Promise.all(agents.map((agent) => agent.destroy()))
    },
  }
}

/** What the operator opened. */
export function openingsOf(config: Pick<Config, 'allow_loopback_callbacks' | 'callback_networks'>): Openings {
  return { allow_loopback: config.allow_loopback_callbacks, networks: config.callback_networks }
}

/** Why a URL may not be called, before anything is resolved; undefined when it may. */
export function refusedUrl(text: string, openings: Openings): string | undefined {
  if (!URL.canParse(text)) return 'This is not an absolute URL.'
  const { protocol, hostname } = new URL(text)
  const plain = openings.allow_loopback || (openings.networks ?? []).length > 0
  if (protocol !== 'https:' && !(protocol === 'http:' && plain)) return `Only HTTPS is called, not ${protocol}//.`
  if (hostname.length > limits.host_length_max) {
    return `The host name has ${hostname.length} characters; none has more than ${limits.host_length_max}.`
  }
  const host = hostname.replace(/^\[|\]$/g, '')
  // A literal address is never looked up, so it is checked here. WHATWG URLs have normalized decimal, octal and hex forms.
  if (isIP(host) !== 0 && !createGuard(openings)(host, protocol)) return `${host} may not be called with ${protocol}//.`
  return undefined
}

async function send(call: OutboundCall, request: typeof import('undici').request, dispatcher: Agent, signal: AbortSignal) {
  const url = new URL(call.url)
  const headers: Record<string, string> = { ...call.headers }
  if (url.username !== '' || url.password !== '') {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  const {
    statusCode,
    headers: answered,
    body,
  } = await request(url, {
    method: call.method,
    headers,
    ...(call.body === undefined ? {} : { body: call.body }),
    dispatcher,
    signal,
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  const { text, truncated } = await readCapped(body, call.answer_bytes ?? limits.callback_response_bytes)
  const flat = Object.entries(answered).map(([name, value]) => [name, String(value).slice(0, 1_000)])
  return { status: statusCode, headers: Object.fromEntries(flat.slice(0, 50)), body: text, ...(truncated ? { truncated } : {}) }
}

/** The answer's body, up to the limit. The status counts also when the rest of the body never comes. */
async function readCapped(
  body: AsyncIterable<Buffer> & { destroy(): unknown },
  limit: number,
): Promise<{ text: string; truncated: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  let truncated = false
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > limit) {
        truncated = true
        break
      }
    }
  } catch {
    truncated = true
  }
  body.destroy()
  return { text: Buffer.concat(chunks).subarray(0, limit).toString('utf8'), truncated }
}

function reason(error: unknown): string {
  const { message, code } = error as Error & { code?: string }
  return [code, message].filter((part) => part).join(': ') || 'The connection failed.'
}
