import { query, state } from './dom.ts'

/** Where the page stands: in the merchant's page, in a window that it opened, or alone. An opener alone proves nothing. */
export const place: 'frame' | 'popout' | 'alone' =
  window.parent !== window ? 'frame' : query.get('role') === 'pop_out_payment' && window.opener ? 'popout' : 'alone'

const peer = place === 'frame' ? window.parent : place === 'popout' ? (window.opener as Window) : undefined
let origin = '*'
let mid = 0
const awaited = new Map<number, () => void>()

type Message = { type: string; [member: string]: unknown }

/** Posts one message to the merchant's page (clients §1.6). Resolves true when the SDK has acknowledged it, false after `wait_ms`. */
export function post(message: Message, wait_ms = 0): Promise<boolean> {
  if (!peer) return Promise.resolve(false)
  mid += 1
  const number = mid
  peer.postMessage({ ...message, sid: state.sid, mid: number, ...(place === 'popout' ? { context: 'popOut' } : {}) }, origin)
  if (!wait_ms) return Promise.resolve(false)
  return new Promise((resolve) => {
    const timer = setTimeout(() => settle(false), wait_ms)
    const settle = (acked: boolean) => {
      clearTimeout(timer)
      awaited.delete(number)
      resolve(acked)
    }
    awaited.set(number, () => settle(true))
  })
}

export type Incoming = { type?: string; ack?: number; sid?: string; [member: string]: unknown }

/** Hands each message of the SDK to its handler. Only from the window that holds us, and only for our session (clients §3.6). */
export function listen(handlers: Readonly<Record<string, (message: Incoming) => unknown>>): void {
  window.addEventListener('message', (event: MessageEvent<Incoming>) => {
    if (!peer || event.source !== peer || typeof event.data !== 'object' || event.data === null) return
    if (origin !== '*' && event.origin !== origin) return
    if (event.data.ack !== undefined) return awaited.get(event.data.ack)?.()
    if (event.data.sid !== state.sid || typeof event.data.type !== 'string') return
    // From here on what we tell goes to this origin alone.
    if (event.origin && event.origin !== 'null') origin = event.origin
    if (Object.hasOwn(handlers, event.data.type)) handlers[event.data.type]?.(event.data)
  })
}

let told_height = -1
/** Set while a bank's page takes our place. */
let lent = false

/** Makes room for a page that does not tell its height, and takes the customer to its top. */
export function lendFrame(height: number): void {
  if (place !== 'frame') return
  lent = true
  told_height = height
  post({ type: 'HeightChanged', height })
  post({ type: 'ScrollToTop' })
}

/** Tells the height of the page now and whenever it changes. */
export function watchHeight(then: () => void): void {
  if (place !== 'frame') return
  const page = document.getElementById('page')
  if (!page) return
  const tell = () => {
    const height = Math.ceil(page.getBoundingClientRect().height)
    if (lent || height === told_height) return
    told_height = height
    post({ type: 'HeightChanged', height })
    then()
  }
  new ResizeObserver(tell).observe(page)
  // Back from the bank by the back button.
  window.addEventListener('pageshow', () => {
    lent = false
    tell()
  })
  tell()
}

let ended = false

/** The one final message, then nothing (clients §1.8). Alone, the browser goes to the merchant itself. */
export function end(): void {
  const final = state.final
  if (!final || ended) return
  ended = true
  if (place === 'alone') {
    location.replace(final.href)
    return
  }
  const { type, href, merchant_reference, transaction_id, error } = final
  const message = { type, href, merchant_reference, ...(transaction_id ? { transaction_id } : {}), ...(error ? { error } : {}) }
  void post(message, 1_500)
  if (place === 'popout') {
    // The SDK closes this window. If the shop's page is gone, nobody will.
    setTimeout(() => location.replace(href), 3_000)
  }
}
