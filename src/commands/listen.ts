import { setTimeout as sleep } from 'node:timers/promises'
import type { Parts } from '../app.ts'
import { forwardedRequest } from '../notifications/events/forward.ts'
import { type EventRow, findLastPosition, listEvents } from '../notifications/events/store.ts'
import { findSignature } from '../notifications/signature/store.ts'
import { events } from '../notifications/subscriptions/subscription.ts'
import { payloadSources } from '../worker/payload-sources.ts'
import { withAccount } from './account.ts'
import { type Command, list, requiredText, text, UsageError } from './command.ts'

const forwarded: readonly string[] = [...events, 'session_callback']

export const listenCommand: Command = {
  name: 'listen',
  summary: 'Forwards events and session callbacks to a URL, such as one on your machine, as they happen.',
  usage: '--forward-to <url> [--events <events>] [--secret <secret>] [--account <id>]',
  help: `
Each event becomes a webhook to the URL; each session callback becomes one, with its parameters. Nothing is tried again, and nothing
changes for the real receivers. A server must be running on the same database. Ends with Ctrl-C.

Options:
  --forward-to  Where to. Any address, also http://localhost. Required.
  --events      Only these, separated by commas; "session_callback" names the callbacks.
  --secret      Signs webhooks with this secret. Callbacks are signed with the account's own, if it has one.
  --account     The account's id. Without it, the first account.

Example:
  npx kvitt listen --forward-to http://localhost:3000/callback`,
  options: {
    'forward-to': { type: 'string' },
    events: { type: 'string' },
    secret: { type: 'string' },
    account: { type: 'string' },
  },
  async run(invocation) {
    const { values, print } = invocation
    const forward_to = requiredText(values, 'forward-to')
    if (!/^https?:/.test(forward_to) || !URL.canParse(forward_to)) throw new UsageError('--forward-to must be an http(s) URL.')
    const wanted = list(values, 'events')
    const unknown = wanted?.find((event) => !forwarded.includes(event))
    if (unknown !== undefined) throw new UsageError(`There is no event ${unknown}; --events takes ${forwarded.join(', ')}.`)
    const stopping = new AbortController()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort())
    await withAccount(invocation, async (parts, account_id) => {
      print(`Forwarding what happens on ${account_id} to ${forward_to}. Ctrl-C ends.`)
      const secret = text(values, 'secret')
      let after = await findLastPosition(parts.sql, account_id)
      while (!stopping.signal.aborted) {
        const rows = await listEvents(parts.sql, account_id, { after, limit: 100, callbacks: true })
        for (const row of rows) {
          after = row.position
          if (!wanted || wanted.includes(row.event)) print(await forward(parts, account_id, row, forward_to, secret))
        }
        if (rows.length === 0) await sleep(200, undefined, { signal: stopping.signal }).catch(() => {})
      }
    })
  },
}

/** Sends one event on, and says in a line how that went. The developer chose the address, so the guard is not asked. */
async function forward(parts: Parts, account_id: string, row: EventRow, forward_to: string, secret: string | undefined) {
  const { sql, clock, ids } = parts
  const what = `${row.event} ${row.aggregate_id} #${row.sequence}`
  const secrets = { webhook: secret, signature: (await findSignature(sql, account_id))?.signature.secret }
  const now_s = Math.floor(clock.now().getTime() / 1_000)
  const context = { sources: payloadSources(parts), secrets, now_s, id: ids.uuid() }
  const request = await forwardedRequest(account_id, row, forward_to, context)
  if (!request) return `     ${what} (not asked for by the callback URL)`
  const { url, method, headers, body } = request
  try {
    const init = { method, headers, redirect: 'manual' as const, signal: AbortSignal.timeout(60_000) }
    const response = await fetch(url, body === undefined ? init : { ...init, body })
    await response.body?.cancel()
    return `${response.status}  ${what}`
  } catch (error) {
    return `---  ${what} (${((error as Error).cause as Error | undefined)?.message ?? (error as Error).message})`
  }
}
