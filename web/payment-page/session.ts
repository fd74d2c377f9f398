import type { PageSession, PageState } from '../../src/checkout/payment-page/protocol.ts'
import { busy, find, paymentOver, query, say, show, sleep, state, tellReaders, text } from './dom.ts'
import { end, post } from './messages.ts'
import { drawPopOutButton } from './pop-out.ts'

export type Answer = { status: number; body: Record<string, unknown> }

/** Asks the server for JSON; undefined when no answer comes. */
export async function call(path: string, init: RequestInit = {}): Promise<Answer | undefined> {
  try {
    const response = await fetch(path, init)
    const body = await response.json().catch(() => ({}))
    return { status: response.status, body }
  } catch {
    return undefined
  }
}

export const send = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

/** What the customer and the merchant would call a change; times, events and locks are not (clients §2). */
function content(session: PageSession | undefined): string {
  if (!session) return ''
  const { updated_at, events, pay_lock, customer_ip, user_agent, operations, ...rest } = session
  return JSON.stringify(rest)
}

let polling: ReturnType<typeof setTimeout> | undefined

/** Reads the session again and shows it. Returns undefined when the server does not answer. */
export async function reload(): Promise<{ changed: boolean } | undefined> {
  const answer = await call(`page/state?${query}`)
  if (answer?.status !== 200) return undefined
  const { state: next, html } = answer.body as { state: PageState; html: string }
  // A code to scan stays for as long as somebody may scan it, whoever wants the session read.
  if (next.stage === 'processing' && find('.qr')) return { changed: false }
  const changed = content(state.session) !== content(next.session)
  const other = (['stage', 'language', 'continue_url'] as const).some((name) => next[name] !== state[name])
  // What is not replaced keeps the keyboard, and a press that is under way.
  if (changed || other) show(next, html)
  else Object.assign(state, { poll_path: undefined }, next)
  settle()
  return { changed }
}

/** After each read: what follows from the stage the session is in. */
export function settle(): void {
  clearTimeout(polling)
  const { stage } = state
  document.body.dataset.stage = stage
  busy('locked', stage === 'locked')
  if (stage === 'locked') say(text('locked'), 'info')
  if (state.final) end()
  else if (stage === 'expired' || stage === 'not_found') void post({ type: 'SessionNotFound' })
  else if (stage === 'processing') poll(1_000)
  // A shop that never comes back: the lock ends by itself.
  else if (stage === 'locked') poll(15_000)
  else if (stage === 'error') poll(3_000)
  else awaitExpiry()
  drawPopOutButton()
}

/**
 * A session that ends while the customer is away, or fills in the page, says so by itself, and before when that will be; and to the
 * shop, which may begin a new one.
 */
function awaitExpiry(): void {
  const left_ms = Date.parse(String(state.session?.expires_at)) - Date.parse(state.now)
  const { warn_in_ms = 0 } = state
  tellReaders()
  // Timers know no longer time than that; reading the session begins another one.
  if (left_ms > 0) poll(Math.min(warn_in_ms > 0 ? warn_in_ms : left_ms + 1_000, 2 ** 31 - 1))
}

/** What the customer agrees to with a press of a button: the order, but not the names that the shop has for it. */
export function agreed(): string {
  const { merchant_reference, merchant_reference_2, ...order } = state.session?.order ?? {}
  return JSON.stringify(order)
}

const tries_max = 3

/**
 * Sends what the customer wants done with the order that he has `seen` (see `agreed`), and never with another one (decision 0185).
 * A session that the shop has locked is waited for; one that has changed in what is not the order, as by a card refused in another
 * tab, is tried again.
 * @returns the answer; 412 when the order is another one now, or the lock does not end
 */
export async function sendAsSeen(method: string, path: string, body: unknown, seen: string): Promise<Answer | undefined> {
  const message = find('#message')?.textContent ?? ''
  for (let tries = 1; ; tries += 1) {
    if (agreed() !== seen) {
      announce('SessionUpdated')
      return { status: 412, body: {} }
    }
    const updated_at = state.session?.updated_at
    const answer = await call(path, send(method, body, updated_at ? { 'if-unmodified-since': updated_at } : {}))
    if (answer?.status !== 412 || tries === tries_max) return answer
    await reload()
    const locked = state.stage === 'locked'
    if (locked) await lockOver()
    if (state.stage !== 'open') return answer
    if (locked) say(message, 'info')
  }
}

/** Longer than shops take; a customer who has waited so long may have changed his mind and shall press again. */
const lock_wait_ms = 30_000

async function lockOver(): Promise<void> {
  const until = performance.now() + lock_wait_ms
  while (state.stage === 'locked' && performance.now() < until) {
    await sleep(500)
    await reload()
  }
}

/** Asks again, less and less often, until the payment has come to an end, the shop's lock is gone or the server is well again. */
function poll(wait_ms: number): void {
  polling = setTimeout(async () => {
    const before = state.stage
    if (state.poll_path) await call(state.poll_path)
    const answer = await reload()
    // With the merchant's colours, which this page has not.
    if (before === 'error' && answer) return location.reload()
    // The shop has not come back for what it locked.
    if (before === 'locked' && state.stage !== 'locked') lock_asked_ms = undefined
    if (!answer || state.stage === 'processing') {
      clearTimeout(polling)
      poll(Math.min(wait_ms * 1.5, 10_000))
    } else if (state.stage === 'open' && (before === 'processing' || answer.changed)) announce('SessionUpdated')
  }, wait_ms)
}

/** Tells the merchant's page the session as it is now. */
export function announce(type: 'SessionLoaded' | 'SessionUpdated'): void {
  in_a_row = 0
  tell(type)
}

function tell(type: 'SessionLoaded' | 'SessionUpdated'): void {
  told_ms = performance.now()
  if (state.session) post({ type, session: state.session })
  drawPopOutButton()
}

/** A shop that begins to lock or refresh within this time of being told that nothing changed does so because it was told (clients §2). */
const answering_ms = 5_000
/** A shop that waits for its refresh while we wait for its validation has to be answered at some time. */
const validation_wait_ms = 5_000
/** So often in a row such a shop is told again. Whoever awaits some refreshes one after the other has his answers. */
const in_a_row_max = 3

let told_ms = Number.NEGATIVE_INFINITY
let told_unchanged_ms = Number.NEGATIVE_INFINITY
let in_a_row = 0
/** When the shop asked for the lock of the update that its next refresh is about. */
let lock_asked_ms: number | undefined

/**
 * RefreshSession. A change is always announced. An unchanged session is too, since nothing else ends a shop's `await refreshSession()`;
 * but not to a shop that only answers such an announcement: locking, updating and refreshing each time it would never end (decision 0072).
 */
export async function refresh(): Promise<void> {
  const asked_ms = performance.now()
  const began_ms = lock_asked_ms ?? asked_ms
  const rounds_max = lock_asked_ms === undefined ? in_a_row_max : 1
  lock_asked_ms = undefined
  await paymentOver(validation_wait_ms)
  const result = await reloadAtLast()
  if (!state.session) return
  if (result.changed) {
    say(text('updated'), 'info')
    announce('SessionUpdated')
    return
  }
  // What was told in the meantime has answered this one, too.
  if (told_ms > asked_ms) return
  if (began_ms - told_unchanged_ms > answering_ms) in_a_row = 0
  if (in_a_row >= rounds_max) return
  in_a_row += 1
  tell('SessionUpdated')
  told_unchanged_ms = told_ms
}

async function reloadAtLast(): Promise<{ changed: boolean }> {
  for (;;) {
    const result = await reload()
    if (result) return result
    say(text('offline'))
    await sleep(2_000)
  }
}

/** Shops lock and then refuse what they were to validate, in one go. */
const refusal_wait_ms = 1_000

/** LockSession: always answered, also when the session is locked already or can't be. Refused while the customer is paying. */
export async function lock(): Promise<void> {
  lock_asked_ms = performance.now()
  if (!(await paymentOver(refusal_wait_ms))) return void post({ type: 'SessionLockFailed' })
  busy('locked', true)
  const answer = await call(`v1/view/${encodeURIComponent(state.sid)}/session/lock`, { method: 'POST' })
  const pay_lock = answer?.body.pay_lock as { pay_lock_id?: string } | undefined
  if (answer?.status === 200 && pay_lock?.pay_lock_id) {
    state.stage = 'locked'
    say(text('locked'), 'info')
    post({ type: 'SessionLocked', pay_lock_id: pay_lock.pay_lock_id })
  } else {
    busy('locked', false)
    post({ type: 'SessionLockFailed' })
    await reload()
  }
  drawPopOutButton()
}

/** Shows the page in another language. `tell` is false when the merchant's page asked for it. */
export async function changeLanguage(language: string, tell: boolean): Promise<void> {
  query.set('language', language)
  history.replaceState(null, '', `${location.pathname}?${query}`)
  if (!(await reload())) return say(text('offline'))
  if (tell) post({ type: 'LanguageChanged', language: state.language })
  drawPopOutButton()
}
