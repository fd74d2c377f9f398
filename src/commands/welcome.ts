import { join } from 'node:path'
import type { Config, Role } from '../lib/config.ts'
import type { First } from './first-account.ts'

/** What `kvitt start` tells a person when it is ready: where it is, with which credentials, and what to try first. */
export function welcome({
  config,
  role,
  first,
  database,
}: {
  config: Config
  role: Role
  first: First
  database: string
}): string[] {
  const { account_id, client_id } = first
  const url = config.public_url
  const production = account_id.startsWith('P')
  const serves = { all: 'orders and checkout', orders: 'orders', checkout: 'checkout', worker: 'background work only' }[role]
  return [
    '',
    `  Kvitt serves ${serves} on ${url}`,
    `  Reference      ${url}/docs`,
    `  Database       ${database}`,
    `  Account        ${account_id} (${production ? 'production' : 'test: no money moves'})`,
    `  Client id      ${client_id}`,
    `  Client secret  ${secretLine(first, config)}`,
    ...(production && role !== 'orders' && role !== 'worker'
      ? ['', '  No payment gateway is configured for this production account: sessions can be made, not paid.']
      : []),
    ...(role === 'worker' ? [] : tries(config, first, role)),
    '',
  ]
}

function secretLine({ account_id, client_secret }: First, config: Config): string {
  if (config.client_secret) return 'the one in KVITT_CLIENT_SECRET'
  if (client_secret) return `${client_secret}   (shown this once)`
  return `was shown at the first start; a new one: npx kvitt client rotate --account ${account_id}`
}

/** What stands before `npm run example` so that it finds this server and its database; nothing with the defaults. */
function settingsOfExample({ port, data_folder, database_url }: Config): string {
  const default_folder = join(import.meta.dirname, '../../data') // npm runs it in the folder of the package
  const settings: [name: string, value: string | number][] = []
  if (port !== 8080) settings.push(['PORT', port])
  if (database_url) settings.push(['DATABASE_URL', '<the same>'])
  else if (data_folder !== default_folder) settings.push(['KVITT_DATA', data_folder])
  return settings.map(([name, value]) => `${name}=${quoted(String(value))} `).join('')
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function tries(config: Config, { account_id, client_id, client_secret: shown }: First, role: Role): string[] {
  const url = config.public_url
  const client_secret = config.client_secret ? undefined : shown
  const json = `-H 'content-type: application/json'`
  const call = [`curl -s ${json} -H "authorization: Bearer $TOKEN"`]
  const token = [
    `TOKEN=$(curl -s ${json} -u '${client_id}:${client_secret ?? '<client secret>'}'`,
    `-d '{"grant_type":"client_credentials","audience":"https://api.dintero.com/v1/accounts/${account_id}"}'`,
    `${url}/v1/accounts/${account_id}/auth/token | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`,
  ]
  const session = [
    ...call,
    `-d '{"profile_id":"default","url":{"return_url":"https://example.com/accept"},"order":{"amount":39800,"currency":"NOK",`,
    `"merchant_reference":"first","items":[{"id":"1","line_id":"1","description":"Stablestol","quantity":2,"amount":39800}]}}'`,
    `${url}/v1/sessions-profile     # its "url" is the payment page`,
  ]
  const draft = [
    ...call,
    `-d '{"options":{"generate_order_id":"ALPHANUMERIC_9"},"order":{"currency":"NOK","items":[`,
    `{"id":"1","line_id":1,"quantity":2,"gross_amount":39800,"description":"Stablestol"}]}}'`,
    `${url}/v1/accounts/${account_id}/shopping/draft_orders`,
  ]
  return [
    '',
    '  Three things to try:',
    `  1. ${shell(token)}`,
    `  2. ${shell(role === 'orders' ? draft : session)}`,
    role === 'all'
      ? `  3. ${settingsOfExample(config)}npm run example     # the whole walk, from token to refunded order`
      : `  3. curl -s ${url}/readyz`,
  ]
}

/** The parts of one command; a part that begins inside a quoted text continues it. */
function shell([first = '', ...rest]: string[]): string {
  return rest.reduce(
    (line, part, index) => `${line}${quoteIsOpen([first, ...rest].slice(0, index + 1)) ? '' : ' \\'}\n       ${part}`,
    first,
  )
}

function quoteIsOpen(parts: string[]): boolean {
  return (parts.join('').match(/'/g)?.length ?? 0) % 2 === 1
}
