import { busy, find, isBusy, payForm, query, say, selectedType, state, text } from './dom.ts'
import { saveTyped } from './express.ts'
import { checkForm, formBody } from './fields.ts'
import { type Incoming, lendFrame, place, post } from './messages.ts'
import { isLauncher } from './pop-out.ts'
import { agreed, call, reload, sendAsSeen } from './session.ts'

let validated: ((result: Incoming) => void) | undefined

/** The merchant's answer to ValidateSession. Some merchants send one unasked: only a refusal is worth showing then. */
export function validationResult(result: Incoming): void {
  const resolve = validated
  validated = undefined
  if (resolve) {
    resolve(result)
    return
  }
  if (isLauncher()) {
    busy('validating', false)
    say('')
  }
  if (result.success !== true) refuse(result)
}

function refuse(result: Incoming): void {
  const told = typeof result.clientValidationError === 'string' ? result.clientValidationError : ''
  say(told || text('validation_failed'), 'error', true)
}

/** The customer presses pay: check the fields, ask the merchant if it wants to be asked, then pay once. */
export async function pay(): Promise<void> {
  const form = payForm()
  if (!form || isBusy() || state.stage !== 'open') return
  say('')
  const type = selectedType()
  const error = find('#product-error')
  if (error) error.textContent = type ? '' : text('choose_product')
  if (!type) return find('input[name=payment_product_type]:not(:disabled)')?.focus()
  if (!checkForm(form)) return
  const before = agreed()
  if (!(await saveTyped())) return
  if (agreed() !== before) return say(text('updated'), 'info', true)
  const body = paymentBody(payForm() ?? form, type)
  const seen = agreed()
  busy('paying', true)
  try {
    if (query.get('client_side_validation') === 'true' && place === 'frame') {
      say(text('validating'), 'info')
      post({ type: 'ValidateSession', session: state.session })
      const result = await new Promise<Incoming>((resolve) => {
        validated = resolve
      })
      if (result.success !== true) return refuse(result)
    }
    say(text('processing'), 'info')
    await payNow(body, seen)
  } finally {
    busy('paying', false)
  }
}

function paymentBody(form: HTMLFormElement, type: string): Record<string, unknown> {
  const { checkbox, ...fields } = formBody(form)
  return {
    ...fields,
    payment_product_type: type,
    ...(type.endsWith('.creditcard') ? { browser_information: browserInformation() } : {}),
    ...(form.querySelector('[data-checkbox]')
      ? { checkboxes: Object.keys((checkbox as object | undefined) ?? {}).map((id) => ({ id, checked: true })) }
      : {}),
  }
}

/** What 3-D Secure wants to know of the browser (checkout-api §3.10.6). */
function browserInformation() {
  return {
    java_enabled: false,
    javascript_enabled: true,
    color_depth: screen.colorDepth,
    screen_height: screen.height,
    screen_width: screen.width,
    timezone_offset: new Date().getTimezoneOffset(),
  }
}

async function payNow(body: Record<string, unknown>, seen: string): Promise<void> {
  const path = `v1/sessions/${encodeURIComponent(state.sid)}/pay?language=${state.language}`
  const answer = await sendAsSeen('POST', path, body, seen)
  // No answer is not a refusal: the payment may have gone through. The session knows.
  if (!answer) {
    await reload()
    if (state.stage === 'open') say(text('offline'), 'error', true)
    return
  }
  if (answer.status >= 400) return refused(answer, seen)
  const { success, redirect_url, poll_url, approval_url, qr_code, error, error_details } = answer.body as Record<
    string,
    string | undefined
  >
  if (poll_url && !redirect_url) return waitInApp(poll_url, approval_url)
  if (poll_url && approval_url && qr_code && !matchMedia('(pointer: coarse)').matches) {
    showCode(qr_code, approval_url)
    return poll(poll_url)
  }
  await reload()
  if (state.final || state.stage === 'not_found') return
  if (redirect_url && !error) return leave(redirect_url, String(body.payment_product_type))
  if (state.stage === 'open' && (error || error_details || !success)) say(text('declined'), 'error', true)
}

async function refused({ status }: { status: number }, seen: string): Promise<void> {
  await reload()
  if (state.stage === 'processing') return say(text('in_progress'), 'info')
  // A lock that does not end says so itself.
  if (state.stage !== 'open') return
  if (status === 412) return say(text(agreed() === seen ? 'try_again' : 'updated'), 'error', true)
  // Why is said to shops, in English and with names of theirs.
  say(text(status >= 500 ? 'server_error' : 'declined'), 'error', true)
}

/** The customer approves on a phone; we ask the server, less and less often. */
async function waitInApp(poll_url: string, approval_url: string | undefined): Promise<void> {
  const product = find('.product:has(input:checked)')
  const name = product && find('.label', product)?.textContent
  // A card's outcome that is not known yet is waited for as well, but not on a phone.
  if (product?.dataset.kind === 'app') say(text('waiting_app').replace('{name}', name ?? ''), 'info')
  if (approval_url && matchMedia('(pointer: coarse)').matches) await leaveTop(approval_url)
  return poll(poll_url)
}

/** On a screen that is not the phone's, the code is scanned with the phone; who has the app here follows the link. */
function showCode(qr_code: string, approval_url: string): void {
  const name = find('.product:has(input:checked) .label')?.textContent ?? ''
  say(text('scan_qr').replace('{name}', name), 'info', true)
  const figure = document.createElement('figure')
  figure.className = 'card qr'
  const image = Object.assign(document.createElement('img'), {
    src: qr_code,
    alt: text('scan_qr').replace('{name}', name),
    width: 200,
    height: 200,
  })
  image.dataset.testid = 'qr'
  const link = Object.assign(document.createElement('a'), { href: approval_url, textContent: text('this_device') })
  link.dataset.testid = 'this-device'
  figure.append(image, link)
  find('#message')?.after(figure)
}

/** Asks the server until the payment has ended, less and less often. */
async function poll(poll_url: string): Promise<void> {
  const url = new URL(poll_url, location.href)
  for (let wait_ms = 500; ; wait_ms = Math.min(wait_ms * 1.3, 5_000)) {
    await new Promise((resolve) => setTimeout(resolve, wait_ms))
    const answer = await call(url.pathname + url.search)
    if (answer?.status === 202) continue
    if (!answer) continue
    await reload()
    find('.qr')?.remove()
    if (state.stage === 'open') say(text('declined'), 'error', true)
    return
  }
}

/** A bank's page does not tell its height: room for the largest window of 3-D Secure that is usual. */
const bank_height_px = 640

/** On to the bank or the wallet. Cards stay in the frame; wallets that refuse frames take the whole window. */
async function leave(href: string, type: string): Promise<void> {
  say(text('leaving'), 'info')
  const other_site = new URL(href, location.href).origin !== location.origin
  if (place === 'frame' && other_site && !type.endsWith('.creditcard')) return leaveTop(href)
  lendFrame(bank_height_px)
  location.assign(href)
}

async function leaveTop(href: string): Promise<void> {
  if (place !== 'frame') return location.assign(href)
  // SDKs before 0.11 do not know the message; then the frame may do it itself (clients §1.3, sandbox).
  if (await post({ type: 'TopLevelNavigation', href }, 500)) return
  try {
    window.top!.location.href = href
  } catch {
    location.assign(href)
  }
}

/** The customer gives up: ends the session, which tells the merchant. */
export async function cancel(): Promise<void> {
  if (isBusy()) return
  busy('cancelling', true)
  await fetch(`v1/view/${encodeURIComponent(state.sid)}/session/abandon`, { method: 'POST', redirect: 'manual' }).catch(
    () => undefined,
  )
  const answer = await reload()
  busy('cancelling', false)
  if (!answer) say(text('offline'), 'error', true)
}

/** One click fills in the test card, or gift card, that always succeeds. */
export function fillTestCard(): void {
  const set = (name: string, value: string) => {
    const input = find<HTMLInputElement>(`[name="${name}"]`)
    if (!input) return
    input.value = value
    input.dispatchEvent(new Event('input', { bubbles: true }))
  }
  set('card.number', '4000000000000002')
  set('card.expiry', `12/${(Number(state.now.slice(2, 4)) + 3) % 100}`)
  set('card.cvc', '123')
  set('gift_card.number', '6000 0000 0000 0007')
  find('[data-testid=pay]')?.focus()
}
