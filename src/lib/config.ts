import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { isAccountId } from './ids.ts'

/** Which parts one process serves. `all` is every one of them. */
export const roles = ['all', 'orders', 'checkout', 'worker'] as const
export type Role = (typeof roles)[number]

/** What the environment says. Read once, by `main.ts`; everything else gets it passed by hand. */
export type Config = {
  port: number
  host: string
  /** Unset: the embedded PostgreSQL is started. */
  database_url: string | undefined
  data_folder: string
  /** Where customers and merchants reach this server, without a trailing slash. */
  public_url: string
  /** The first account and API client; generated and shown once when unset. */
  account_id: string | undefined
  client_id: string | undefined
  client_secret: string | undefined
  /** Development: callbacks and webhooks may go to loopback addresses and over plain HTTP. */
  allow_loopback_callbacks: boolean
  /** Networks that are not public and may be called all the same, also over plain HTTP: where the merchants' own servers are. */
  callback_networks: string[]
  /** Where the orders service creates sessions when it runs alone; with the client in `checkout_client_*`. */
  checkout_url: string | undefined
  checkout_client_id: string | undefined
  checkout_client_secret: string | undefined
  /** The addresses of proxies whose `X-Forwarded-For` is believed; empty: nobody's. */
  trusted_proxies: string[]
  log_level: string
  /** Only in tests: see `failpoints.ts`. */
  failpoints: string | undefined
}

/** True for what an API client may be called: Basic authentication splits at the first colon. */
export function isClientId(text: string): boolean {
  return /^[^:]{1,255}$/u.test(text)
}

/** Of a secret that people make up, where money moves. Guesses are slowed down for each address and process, not for all the world. */
const secret_length_min = 16
const log_levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** Reads the environment, or says which variable is wrong and what is allowed. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const port = Number(env.PORT || 8080)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT must be 0 to 65535, not ${env.PORT}.`)
  const account_id = env.KVITT_ACCOUNT_ID || undefined
  if (account_id && !isAccountId(account_id)) {
    throw new Error(`KVITT_ACCOUNT_ID must be T or P and eight digits, not ${account_id}.`)
  }
  const log_level = env.KVITT_LOG || 'info'
  if (!log_levels.includes(log_level)) throw new Error(`KVITT_LOG must be one of ${log_levels.join(', ')}, not ${log_level}.`)
  const client_id = env.KVITT_CLIENT_ID || undefined
  if (client_id && !isClientId(client_id)) {
    throw new Error(`KVITT_CLIENT_ID must be 1 to 255 characters without a colon, not ${client_id}.`)
  }
  const client_secret = env.KVITT_CLIENT_SECRET || undefined
  if (client_secret && account_id?.startsWith('P') && client_secret.length < secret_length_min) {
    const least = `${secret_length_min} characters or more on a production account`
    throw new Error(`KVITT_CLIENT_SECRET must have ${least}; it has ${client_secret.length}.`)
  }
  return {
    port,
    host: env.HOST || '0.0.0.0',
    database_url: databaseUrl(env.DATABASE_URL),
    data_folder: resolve(env.KVITT_DATA || './data'),
    public_url: webAddress('KVITT_PUBLIC_URL', env.KVITT_PUBLIC_URL) ?? `http://localhost:${port}`,
    account_id,
    client_id,
    client_secret,
    allow_loopback_callbacks: flag('KVITT_ALLOW_LOOPBACK_CALLBACKS', env.KVITT_ALLOW_LOOPBACK_CALLBACKS),
    callback_networks: networks('KVITT_ALLOW_CALLBACK_NETWORKS', env.KVITT_ALLOW_CALLBACK_NETWORKS),
    checkout_url: webAddress('CHECKOUT_URL', env.CHECKOUT_URL),
    checkout_client_id: env.CHECKOUT_CLIENT_ID || undefined,
    checkout_client_secret: env.CHECKOUT_CLIENT_SECRET || undefined,
    trusted_proxies: networks('KVITT_TRUSTED_PROXIES', env.KVITT_TRUSTED_PROXIES, ['loopback', 'linklocal', 'uniquelocal']),
    log_level,
    failpoints: env.KVITT_FAILPOINTS || undefined,
  }
}

function flag(name: string, value = ''): boolean {
  if (/^(1|true|yes|on)$/i.test(value)) return true
  if (value === '' || /^(0|false|no|off)$/i.test(value)) return false
  throw new Error(`${name} must be 1 or 0, not ${value}.`)
}

/**
 * Checked here, since what the driver says of it would show all of it, the password too. As in libpq there may be no host, when the
 * Unix socket is named behind `?host=`; no URL has a user and no host, so it gets one.
 */
function databaseUrl(value = ''): string | undefined {
  if (value === '') return undefined
  const [, scheme, user = '', hosts, rest = ''] = /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#]*)(.*)$/s.exec(value) ?? []
  if (scheme === undefined) throw new Error('DATABASE_URL must begin with postgres:// or postgresql://.')
  const named = hosts!.replace(/^(?=:|$)/, 'localhost')
  if (!decodes(user + rest) || !named.split(',').every((host) => URL.canParse(scheme + user + host + rest))) {
    const spelling = 'In user and password, % is written %25, / %2F, ? %3F, # %23 and @ %40'
    throw new Error(`DATABASE_URL must be as postgres://user:password@host:5432/database. ${spelling}.`)
  }
  return scheme + user + named + rest
}

function decodes(text: string): boolean {
  try {
    return typeof decodeURIComponent(text) === 'string'
  } catch {
    return false
  }
}

/** An address that others' paths are put behind: without a slash at its end, a query, a fragment; it is shown, so no password. */
function webAddress(name: string, value = ''): string | undefined {
  if (value === '') return undefined
  if (/^[a-z]+:\/\/[^/?#]*@/i.test(value)) throw new Error(`${name} must not hold a user or a password.`)
  if (!/^https?:\/\/[^\s?#]+$/i.test(value) || !URL.canParse(value)) {
    throw new Error(`${name} must be a URL with http or https, and without ? or #, not ${value}.`)
  }
  return value.replace(/\/+$/, '')
}

/** A list of addresses and networks in CIDR form, or of names for some. */
function networks(name: string, value = '', names: readonly string[] = []): string[] {
  const list = value.split(/[\s,]+/).filter(Boolean)
  for (const entry of list) {
    if (names.includes(entry)) continue
    const [, address = '', prefix = '0'] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? []
    const bits = { 4: 32, 6: 128 }[isIP(address)]
    if (bits === undefined || Number(prefix) > bits) throw new Error(`${name} lists networks such as 10.1.0.0/16, not ${entry}.`)
  }
  return list
}
