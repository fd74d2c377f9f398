import { find, findAll, state, text } from './dom.ts'

const digits = (value: string) => value.replace(/\D/g, '')

const brands: [name: string, start: RegExp, lengths: number[], cvc: number][] = [
  ['Visa', /^4/, [13, 16, 19], 3],
  ['Mastercard', /^(5[1-5]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720))/, [16], 3],
  ['American Express', /^3[47]/, [15], 4],
  ['Maestro', /^(50|5[6-9]|6)/, [12, 13, 14, 15, 16, 17, 18, 19], 3],
  ['Diners Club', /^3(0|6|8)/, [14], 3],
  ['JCB', /^35/, [16], 3],
]
const brandOf = (number: string) => brands.find(([, start]) => start.test(number))

/** True when the check digit fits (Luhn). */
export function luhn(number: string): boolean {
  let sum = 0
  for (const [index, digit] of [...number].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 1 ? 2 : 1)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

/** In groups of four, or 4-6-5 for American Express. */
function formatCard(value: string): string {
  const number = digits(value).slice(0, 19)
  const groups = /^3[47]/.test(number) ? /^(\d{1,4})(\d{1,6})?(\d{1,5})?/.exec(number)?.slice(1) : number.match(/\d{1,4}/g)
  return (groups ?? []).filter(Boolean).join(' ')
}

function formatExpiry(value: string): string {
  // `1/30` is January.
  const given = digits(value.replace(/^\s*(\d)\D/, '0$1'))
  const number = (/^[2-9]/.test(given) ? `0${given}` : given).slice(0, 6)
  const short = number.length > 4 && number.slice(2, 4) === '20' ? number.slice(0, 2) + number.slice(4) : number
  return short.length > 2 ? `${short.slice(0, 2)}/${short.slice(2, number.startsWith('20', 2) ? 6 : 4)}` : short
}

const postal: Record<string, RegExp> = {
  NO: /^\d{4}$/,
  DK: /^\d{4}$/,
  SE: /^\d{3} ?\d{2}$/,
  FI: /^\d{5}$/,
  DE: /^\d{5}$/,
}

type Wrong = keyof typeof state.texts

const checks: Record<string, (value: string, input: HTMLInputElement) => Wrong | undefined> = {
  card_number: (value) => {
    const number = digits(value)
    const lengths = brandOf(number)?.[2] ?? [12, 13, 14, 15, 16, 17, 18, 19]
    return lengths.includes(number.length) && luhn(number) ? undefined : 'card_number_wrong'
  },
  card_expiry: (value) => {
    const [, month, year] = /^(\d{2})\/(\d{2})$/.exec(formatExpiry(value)) ?? []
    if (!month || Number(month) < 1 || Number(month) > 12) return 'card_expiry_wrong'
    const [now_year, now_month] = state.now.split('-').map(Number)
    const full = 2000 + Number(year)
    return full > now_year! || (full === now_year && Number(month) >= now_month!) ? undefined : 'card_expired'
  },
  card_cvc: (value) => {
    const wanted = brandOf(digits(find<HTMLInputElement>('[name="card.number"]')?.value ?? ''))?.[3]
    return /^\d{3,4}$/.test(value) && (!wanted || value.length === wanted) ? undefined : 'card_cvc_wrong'
  },
  phone_number: (value) => (/^\+?\d{5,15}$/.test(value.replace(/[\s()-]/g, '')) ? undefined : 'phone_number_wrong'),
  email: (value) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? undefined : 'email_wrong'),
  postal_code: (value, input) => {
    const country = find<HTMLSelectElement>(`[name="${input.name.split('.')[0]}.country"]`, input.form ?? document)?.value ?? ''
    return (postal[country] ?? /^[\w -]{2,12}$/).test(value.trim()) ? undefined : 'postal_code_wrong'
  },
  organization_number: (value) => (/^[\d -]{8,14}$/.test(value) ? undefined : 'organization_number_wrong'),
  social_security_number: (value) => (/^[\dA-Y+-]{10,13}$/i.test(value) ? undefined : 'social_security_number_wrong'),
}

/** Shows what is wrong with a field beside it, for eyes and for screen readers. */
export function mark(input: HTMLElement, wrong: Wrong | undefined): void {
  if (wrong) input.setAttribute('aria-invalid', 'true')
  else input.removeAttribute('aria-invalid')
  const place = document.getElementById(input.getAttribute('aria-describedby') ?? '')
  if (place) place.textContent = wrong ? text(wrong) : ''
}

function wrongWith(input: HTMLInputElement): Wrong | undefined {
  if (input.type === 'checkbox') return input.dataset.required === 'true' && !input.checked ? 'checkbox_required' : undefined
  const value = input.value.trim()
  if (value === '') return input.getAttribute('aria-required') === 'true' ? 'required' : undefined
  return checks[input.dataset.check ?? '']?.(value, input)
}

const visible = (input: HTMLElement) => input.offsetParent !== null

/** Checks a form; shows each fault beside its field and takes the keyboard to the first. */
export function checkForm(form: HTMLElement): boolean {
  const inputs = findAll<HTMLInputElement>('input[aria-describedby]', form).filter(
    (input) => visible(input) && input.type !== 'radio',
  )
  const faulty = inputs.filter((input) => {
    const wrong = wrongWith(input)
    mark(input, wrong)
    return wrong !== undefined
  })
  faulty[0]?.focus()
  return faulty.length === 0
}

/** The members that a form's visible fields stand for: `card.number` becomes `{card: {number}}`. */
export function formBody(form: HTMLElement): Record<string, unknown> {
  const body: Record<string, unknown> = {}
  for (const input of findAll<HTMLInputElement | HTMLSelectElement>('input[name], select[name]', form)) {
    if (!visible(input)) continue
    if (input instanceof HTMLInputElement && (input.type === 'checkbox' || input.type === 'radio') && !input.checked) continue
    const value = input instanceof HTMLInputElement && input.type === 'checkbox' ? true : input.value.trim()
    if (value === '') continue
    // At the first dot only: what a merchant calls his boxes may have more.
    const [member = '', field] = input.name.split(/\.(.*)/s)
    const said = clean(input.dataset.check, value)
    if (field === undefined) body[member] = said
    else body[member] = { ...(body[member] as object | undefined), [field]: said }
  }
  return body
}

function clean(check: string | undefined, value: string | boolean): string | boolean {
  if (typeof value !== 'string') return value
  if (check === 'card_number') return digits(value)
  if (check === 'card_expiry') return formatExpiry(value)
  return check === 'phone_number' ? value.replace(/[\s()-]/g, '') : value
}

/** Formatting while typing, and checking when a field is left. */
export function watchFields(): void {
  document.addEventListener('input', ({ target }) => {
    if (!(target instanceof HTMLInputElement)) return
    const check = target.dataset.check
    if (check === 'card_number') {
      reformat(target, formatCard(target.value))
      const place = find('#card-brand')
      if (place) place.textContent = brandOf(digits(target.value))?.[0] ?? ''
    }
    // A deleted slash must stay deleted, or the field can't be emptied.
    if (check === 'card_expiry' && !/^\d{2}\/?$/.test(target.value)) reformat(target, formatExpiry(target.value))
    if (check === 'card_cvc') reformat(target, digits(target.value).slice(0, 4))
    if (target.getAttribute('aria-invalid') && !wrongWith(target)) mark(target, undefined)
  })
  // What is wrong with a field moves what is below it: not between press and release, or the click would miss its button.
  let released: Promise<unknown> = Promise.resolve()
  document.addEventListener('pointerdown', () => {
    released = new Promise((resolve) => {
      for (const type of ['pointerup', 'pointercancel']) document.addEventListener(type, resolve, { once: true })
    })
  })
  document.addEventListener('focusout', async ({ target }) => {
    if (!(target instanceof HTMLInputElement && target.dataset.check && target.value)) return
    await released
    setTimeout(() => mark(target, wrongWith(target)))
  })
}

/** Changes the text and leaves the cursor behind the same digit. */
function reformat(input: HTMLInputElement, formatted: string): void {
  if (input.value === formatted) return
  const before = digits(input.value.slice(0, input.selectionStart ?? input.value.length)).length
  const at_end = input.selectionStart === input.value.length
  input.value = formatted
  if (at_end) return
  let position = 0
  for (let seen = 0; position < formatted.length && seen < before; position += 1) if (/\d/.test(formatted[position]!)) seen += 1
  input.setSelectionRange(position, position)
}
