import type { ScriptText } from '../../src/checkout/payment-page/protocol.ts'
import { busy, find, query, say, state, text } from './dom.ts'
import { checkForm, formBody, mark } from './fields.ts'
import { type Incoming, place, post } from './messages.ts'
import { type Answer, agreed, announce, reload, sendAsSeen } from './session.ts'

const view = (path: string) => `v1/view/${encodeURIComponent(state.sid)}/session/order/${path}`

/** One change of the order by the customer: saved, shown, told to the merchant. Answers why it was refused, and says so but of a code. */
async function change(
  path: string,
  body: unknown,
  refusal: 'code_refused' | 'address_refused' | 'shipping_refused',
): Promise<ScriptText | undefined> {
  const seen = agreed()
  const answer = await sendAsSeen('PUT', view(path), body, seen)
  const result = answer && (await reload())
  if (answer && answer.status < 400) {
    say('')
    if (result?.changed) announce('SessionUpdated')
    return undefined
  }
  const why = answer ? whyRefused(answer, agreed() === seen, refusal) : 'offline'
  // A session that is over, or locked, says so itself.
  if (why !== 'code_refused' && (!answer || state.stage === 'open')) say(text(why), 'error', true)
  return why
}

function whyRefused({ status, body }: Answer, same_order: boolean, refusal: ScriptText): ScriptText {
  if (status >= 500) return 'server_error'
  if (status === 412) return same_order ? 'try_again' : 'updated'
  const { errors = [] } = (body.error ?? {}) as { errors?: { code?: string }[] }
  return refusal === 'shipping_refused' && errors[0]?.code !== 'shipping_option_unknown' ? 'try_again' : refusal
}

let answered: ((result: Incoming) => void) | undefined

/** The merchant's answer to AddressCallback. */
export function addressCallbackResult(result: Incoming): void {
  answered?.(result)
  answered = undefined
}

type Address = Record<string, unknown> | undefined

let typed = false

/** Keeps in mind that the address on the page is no longer the one of the order. */
export function watchAddress(): void {
  document.addEventListener('input', ({ target }) => {
    if (target instanceof Element && target.closest('[data-form=address]')) typed = true
  })
}

/** Saves an address that was typed and not saved: what is paid would be sent to the one before. False when it can't be saved. */
export async function saveTyped(): Promise<boolean> {
  const form = find<HTMLFormElement>('[data-form=address]')
  return !typed || !form || saveAddress(form)
}

/** Saves the addresses; with client_side_address_callback the merchant's page is asked first (clients §1.6). */
export async function saveAddress(form: HTMLFormElement): Promise<boolean> {
  if (!checkForm(form)) return false
  const { shipping_address, billing_address } = formBody(form) as Record<string, Address>
  const addresses = {
    shipping_address,
    billing_address: billing_address ? withContact(billing_address, shipping_address) : shipping_address,
  }
  busy('address', true)
  let saved = false
  try {
    saved = await putAddresses(addresses)
  } finally {
    busy('address', false)
  }
  typed = typed && !saved
  // On to what comes next: delivery, else how to pay.
  if (saved) (find('#express-shipping :checked') ?? find('#express-shipping input, #products input:not(:disabled)'))?.focus()
  return saved
}

async function putAddresses(addresses: { shipping_address?: Address; billing_address?: Address }): Promise<boolean> {
  const refusal = 'address_refused'
  if (query.get('client_side_address_callback') !== 'true' || place === 'alone')
    return (await change('addresses', addresses, refusal)) === undefined
  const session = { ...state.session, order: { ...state.session?.order, ...addresses } }
  post({ type: 'AddressCallback', session })
  const result = await new Promise<Incoming>((resolve) => {
    answered = resolve
  })
  if (result.success !== true) {
    say(typeof result.error === 'string' && result.error ? result.error : text(refusal), 'error', true)
    return false
  }
  // The merchant may have saved the address with its own update; if not, we do, and the server makes no callback of its own.
  await reload()
  const saved = state.session?.order?.shipping_address as Address
  const same = Object.entries(addresses.shipping_address ?? {}).every(([name, value]) => saved?.[name] === value)
  if (!same) return (await change('addresses?client_side_address_callback=true', addresses, refusal)) === undefined
  announce('SessionUpdated')
  return true
}

function withContact(billing: Record<string, unknown>, shipping: Address) {
  return { email: shipping?.email, phone_number: shipping?.phone_number, ...billing }
}

/** The chosen delivery, sent whole: the server matches it with what was offered. */
export async function chooseShipping(line_id: string): Promise<void> {
  const { shipping_options = [] } = (state.session?.express ?? {}) as { shipping_options?: { line_id: string }[] }
  const option = shipping_options.find((candidate) => candidate.line_id === line_id)
  if (!option) return
  busy('shipping', true)
  await change('shipping_option', option, 'shipping_refused')
  busy('shipping', false)
}

/** Adds a discount code, or takes one away. */
export async function changeCodes(codes: string[], wanted?: string): Promise<void> {
  busy('discount', true)
  const why = await change('discount_codes', { discount_codes: codes }, 'code_refused')
  busy('discount', false)
  const known = (state.session?.order?.discount_codes ?? []) as string[]
  const unknown = why === 'code_refused' || (!why && wanted && !known.includes(wanted))
  if (!unknown || state.stage !== 'open') return
  const field = find('#f-discount')
  if (!field) return say(text('code_refused'), 'error', true)
  mark(field, 'code_refused')
  field.focus()
}

export const codes = () => (state.session?.order?.discount_codes ?? []) as string[]
