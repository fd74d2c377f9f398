import { type Html, html } from '../../../lib/html.ts'
import { languages } from '../language.ts'
import type { AddressView } from '../view.ts'
import type { Context } from './context.ts'

export type Field = {
  /** The path of the member it fills in the body of the call, with dots. */
  name: string
  label: string
  id?: string
  testid?: string
  type?: 'text' | 'tel' | 'email'
  inputmode?: 'numeric' | 'tel' | 'email' | 'text'
  autocomplete?: string
  value?: string | number | undefined
  /** Which rule the script checks it with, beside being filled in. */
  check?:
    | 'card_number'
    | 'card_expiry'
    | 'card_cvc'
    | 'phone_number'
    | 'email'
    | 'postal_code'
    | 'organization_number'
    | 'social_security_number'
  maxlength?: number
  narrow?: boolean
}

/** Marks a field that was refused; the first of them has the keyboard. */
export function marks({ form }: Context, name: string): Html | false {
  const [first] = form?.wrong.keys() ?? []
  return form?.wrong.has(name) === true && html` aria-invalid="true"${name === first && html` autofocus`}`
}

/** What is wrong with a field that was refused. */
export function wrongText({ t, form }: Context, name: string): string | undefined {
  const wrong = form?.wrong.get(name)
  return wrong && t[wrong]
}

/** A labelled text field with a place for its error. */
export function textField(context: Context, field: Field): Html {
  const { form } = context
  const value = form?.filled.get(field.name) ?? field.value ?? ''
  const testid = field.testid ?? field.name.replaceAll('.', '-')
  const id = field.id ?? `f-${field.name.replaceAll('.', '-')}`
  return html`<div class="${field.narrow ? 'field narrow' : 'field'}">
<label for="${id}">${field.label}</label>
<input id="${id}" name="${field.name}" type="${field.type ?? 'text'}" inputmode="${field.inputmode ?? 'text'}"
 autocomplete="${field.autocomplete ?? 'off'}" value="${value}" maxlength="${field.maxlength ?? 255}"
 data-testid="${testid}" data-check="${field.check ?? ''}"
 aria-describedby="${id}-error" aria-required="true"
 spellcheck="false"${marks(context, field.name)}>
<p class="error" id="${id}-error" data-testid="${testid}-error">${wrongText(context, field.name)}</p>
</div>`
}

/** Countries of the address form when the configuration names none; the shop's own first. */
const usual = ['NO', 'SE', 'DK', 'FI', 'DE', 'IS', 'NL', 'GB', 'FR', 'ES', 'PL', 'US']

/** The countries a customer may choose: in `allow_countries` and not in `deny_countries`, the preferred one first (checkout-api §3.13). */
function countryCodes(configuration: Readonly<Record<string, unknown>> | undefined): string[] {
  const { preferred_country, allow_countries, deny_countries } = (configuration?.countries ?? {}) as {
    preferred_country?: string
    allow_countries?: string[]
    deny_countries?: string[]
  }
  const allowed = allow_countries?.length ? allow_countries : usual
  const codes = allowed.filter((code) => /^[A-Z]{2}$/.test(code) && !deny_countries?.includes(code))
  return preferred_country && codes.includes(preferred_country)
    ? [preferred_country, ...codes.filter((code) => code !== preferred_country)]
    : codes
}

function countryField(context: Context, prefix: string, id: string, testid: string, known: string | undefined): Html {
  const { t, language, session, form } = context
  const value = form?.filled.get(`${prefix}.country`) ?? known
  const codes = countryCodes(session.configuration)
  const names = new Intl.DisplayNames([languages[language].locale], { type: 'region' })
  const chosen = value ?? codes[0]
  return html`<div class="field"><label for="${id}">${t.country}</label>
<select id="${id}" name="${prefix}.country" autocomplete="${prefix.split('_')[0]} country" data-testid="${testid}">${(
    value && !codes.includes(value) ? [value, ...codes] : codes
  ).map(
    (code) =>
      html`<option value="${code}"${code === chosen ? html` selected` : ''}>
${/^[A-Z]{2}$/.test(code) ? names.of(code) : code}</option>`,
  )}</select></div>`
}

/** The fields of a postal address. `company` asks for the company's name and number too; `ids` tells two of one prefix apart. */
export function addressFields(
  context: Context,
  options: { prefix: string; ids?: string; value: AddressView | undefined; company: boolean; testid?: string; contact: boolean },
): Html {
  const { t, session } = context
  const { prefix, ids = prefix, company, contact } = options
  const value = options.value ?? {}
  // Which of two addresses the browser fills in.
  const kind = prefix.split('_')[0]
  const field = (name: string, label: string, { autocomplete = '', ...rest }: Partial<Field> = {}) =>
    textField(context, {
      name: `${prefix}.${name}`,
      id: `f-${ids}-${name}`,
      testid: `${options.testid ?? ''}${name}`,
      label,
      value: value[name],
      maxlength: 100,
      ...(autocomplete ? { autocomplete: `${kind} ${autocomplete}` } : {}),
      ...rest,
    })
  return html`${
    company && [
      field('business_name', t.business_name, { autocomplete: 'organization' }),
      field('organization_number', t.organization_number, { check: 'organization_number', inputmode: 'numeric' }),
    ]
  }<div class="row">${field('first_name', t.first_name, { autocomplete: 'given-name' })}
${field('last_name', t.last_name, { autocomplete: 'family-name' })}</div>
${field('address_line', t.address_line, { autocomplete: 'address-line1' })}
<div class="row">${field('postal_code', t.postal_code, { autocomplete: 'postal-code', check: 'postal_code', narrow: true })}
${field('postal_place', t.postal_place, { autocomplete: 'address-level2' })}</div>
${countryField(context, prefix, `f-${ids}-country`, `${options.testid ?? ''}country`, value.country as string | undefined)}
${
  contact && [
    field('email', t.email, {
      autocomplete: 'email',
      type: 'email',
      inputmode: 'email',
      check: 'email',
      value: value.email ?? session.customer?.email,
    }),
    field('phone_number', t.phone_number, {
      autocomplete: 'tel',
      type: 'tel',
      inputmode: 'tel',
      check: 'phone_number',
      value: value.phone_number ?? session.customer?.phone_number,
    }),
  ]
}`
}
