import type { PageState, ScriptText } from '../../src/checkout/payment-page/protocol.ts'

/** What the server last told us. Replaced as a whole by `show`. */
export let state: PageState = JSON.parse(document.getElementById('state')?.textContent ?? '{}')

export const query = new URLSearchParams(location.search)

/** True when the page came without its query, as from a bank, and took it from the tab's memory. */
export const restored = rememberQuery()

function rememberQuery(): boolean {
  const key = `kvitt:${state.sid}`
  try {
    if (query.has('sdk')) sessionStorage.setItem(key, query.toString())
    const kept = new URLSearchParams(sessionStorage.getItem(key) ?? '')
    if (query.has('sdk') || !kept.has('sdk')) return false
    for (const [name, value] of kept) if (!query.has(name)) query.set(name, value)
    return true
  } catch {
    // Storage may be forbidden in a frame; then a payment that failed at the bank goes on without its query.
    return false
  }
}

export const text = (name: ScriptText) => state.texts[name]

export const find = <T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document) =>
  root.querySelector<T>(selector) ?? undefined
export const findAll = <T extends HTMLElement = HTMLElement>(selector: string, root: ParentNode = document) => [
  ...root.querySelectorAll<T>(selector),
]
export const payForm = () => find<HTMLFormElement>('#pay-form')
export const selectedType = () => find<HTMLInputElement>('input[name=payment_product_type]:checked')?.value

/** Says something at the top of the page, for eyes and for screen readers. `focus` also takes the keyboard there. */
export function say(message: string, kind: 'error' | 'info' = 'error', focus = false): void {
  const place = find('#message')
  if (!place) return
  place.dataset.kind = kind
  place.textContent = message
  tellReaders()
  if (focus && message) place.focus({ preventScroll: false })
}

/** Repeats what the page says where screen readers hear it: of a region that is itself replaced, many of them say nothing. */
export function tellReaders(): void {
  const warning = find('#expiring')
  if (warning) warning.textContent = expiring()
  const said = findAll('.outcome h1, #page .message').flatMap(({ textContent }) => textContent || [])
  const place = find('#status')
  const heard = new Map([...(place?.children ?? [])].map((line) => [line.textContent, line]))
  for (const [line, element] of heard) if (!said.includes(line ?? '')) element.remove()
  const fresh = said.filter((line) => !heard.has(line))
  place?.append(...fresh.map((line) => Object.assign(document.createElement('p'), { textContent: line })))
}

/** Until when it can be paid, by the customer's own clock, once that is soon. */
function expiring(): string {
  const { session, language, warn_in_ms = 1 } = state
  const ends_at = new Date(String(session?.expires_at))
  const time = () => ends_at.toLocaleTimeString(language, { timeStyle: 'short', hourCycle: 'h23' })
  return warn_in_ms > 0 ? '' : text('expiring').replace('{time}', time)
}

const reasons = new Set<string>()

let resting = ''

/** While any reason holds, nothing can be changed or paid. The reasons are kept apart: a lock outlives a validation. */
export function busy(reason: string, on: boolean): void {
  // A field that is switched off loses the keyboard; it gets it back.
  if (on && reasons.size === 0) resting = document.activeElement?.id ?? ''
  if (on) reasons.add(reason)
  else reasons.delete(reason)
  apply()
  if (on || reasons.size > 0 || document.activeElement !== document.body) return
  document.getElementById(resting)?.focus({ preventScroll: true })
}

export const isBusy = () => reasons.size > 0

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** Waits until nobody is paying, or being validated for it (clients §1.8). False when that takes longer than `wait_ms`. */
export async function paymentOver(wait_ms: number): Promise<boolean> {
  const until = performance.now() + wait_ms
  while (reasons.has('paying') || reasons.has('validating')) {
    if (performance.now() > until) return false
    await sleep(50)
  }
  return true
}

function apply(): void {
  const on = reasons.size > 0
  document.body.dataset.busy = [...reasons].join(' ')
  find('#payment')?.setAttribute('aria-busy', String(on))
  const pay = find<HTMLButtonElement>('[data-testid=pay]')
  if (pay) pay.disabled = on || Boolean(payForm()?.dataset.missing) || !selectedType()
  for (const field of findAll<HTMLInputElement>('#page input, #page select:not(#language), .cancel button, [data-form] button')) {
    if (field.dataset.testid === 'pay') continue
    if (field.dataset.fixed === undefined) field.dataset.fixed = String(field.disabled)
    field.disabled = on || field.dataset.fixed === 'true'
  }
}

/** Puts a newer page in place of the shown one. What the customer has typed and chosen stays, and so does the focus. */
export function show(next: PageState, markup: string): void {
  const page = find('#page')
  if (!page) return
  const kept = new Map<string, HTMLInputElement | HTMLSelectElement>()
  for (const field of findAll<HTMLInputElement | HTMLSelectElement>('#page input[id], #page select[id]'))
    kept.set(field.id, field)
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.id : ''
  const type = selectedType()
  const told = find('#message')?.textContent ?? ''
  const kind = find('#message')?.dataset.kind
  const ended = state.stage !== next.stage
  const parsed = new DOMParser().parseFromString(markup, 'text/html')
  page.replaceChildren(...parsed.body.childNodes)
  state = next
  document.documentElement.lang = next.language === 'no' ? 'nb' : next.language
  document.title = next.title
  if (type) selectProduct(type)
  for (const field of findAll<HTMLInputElement | HTMLSelectElement>('#page input[id], #page select[id]')) {
    const before = kept.get(field.id)
    if (!before || field.id === 'language') continue
    if (
      field instanceof HTMLInputElement &&
      before instanceof HTMLInputElement &&
      (field.type === 'checkbox' || field.type === 'radio')
    ) {
      // The server knows which product and which delivery is chosen.
      if (!['payment_product_type', 'shipping_option'].includes(field.name)) field.checked = before.checked
    } else if (before.value !== '') field.value = before.value
  }
  if (!ended && told && !find('#message')?.textContent) say(told, kind === 'info' ? 'info' : 'error')
  tellReaders()
  apply()
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true })
}

const shelved = new Map<string, HTMLElement>()

/** Selects a product (none: clears the selection) and shows its fields. False when there is no such product to select. */
export function selectProduct(type: string | undefined): boolean {
  const wanted = findAll('.product').find((row) => row.dataset.product === type)
  const radio = wanted && find<HTMLInputElement>('input[name=payment_product_type]', wanted)
  if (type !== undefined && (!radio || radio.dataset.fixed === 'true' || (radio.disabled && !isBusy()))) return false
  for (const row of findAll('.product')) {
    const fields = find(':scope > .fields', row)
    const input = find<HTMLInputElement>('input[name=payment_product_type]', row)
    if (input) input.checked = row === wanted
    if (row === wanted && !fields) {
      const fresh = find<HTMLTemplateElement>(':scope > template', row)?.content.firstElementChild?.cloneNode(true)
      const old = shelved.get(`${state.language}:${type}`)
      if (old ?? fresh) row.append((old ?? fresh) as Node)
    } else if (row !== wanted && fields) {
      // Taken out rather than hidden, so that one field of a name exists; kept, so that nothing typed is lost.
      shelved.set(`${state.language}:${row.dataset.product}`, fields)
      fields.remove()
      if (!find(':scope > template', row)) {
        const template = document.createElement('template')
        template.content.append(fields.cloneNode(true))
        row.append(template)
      }
    }
  }
  apply()
  return true
}
