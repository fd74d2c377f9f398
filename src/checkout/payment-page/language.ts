import { formatMoney } from '../../lib/currency.ts'
import { da } from './texts/da.ts'
import { de } from './texts/de.ts'
import { en, type Texts } from './texts/en.ts'
import { fi } from './texts/fi.ts'
import { no } from './texts/no.ts'
import { sv } from './texts/sv.ts'

/** The languages of the page, by the code that the Web SDK uses. */
export const languages = {
  no: { name: 'Norsk', locale: 'nb-NO', texts: no },
  sv: { name: 'Svenska', locale: 'sv-SE', texts: sv },
  da: { name: 'Dansk', locale: 'da-DK', texts: da },
  fi: { name: 'Suomi', locale: 'fi-FI', texts: fi },
  en: { name: 'English', locale: 'en-GB', texts: en },
  de: { name: 'Deutsch', locale: 'de-DE', texts: de },
} as const satisfies Record<string, { name: string; locale: string; texts: Texts }>

export type Language = keyof typeof languages
export type { Texts }

function match(tag: string): Language | undefined {
  const code = tag.trim().toLowerCase().split(/[-_;]/)[0]!
  if (code === 'nb' || code === 'nn') return 'no'
  return Object.hasOwn(languages, code) ? (code as Language) : undefined
}

/** The language asked for (`no`, `nb-NO`, `sv_SE`, …), else the first that the browser prefers and we speak, else English. */
export function chooseLanguage(asked: string | undefined, accept_language: string | undefined): Language {
  return match(asked ?? '') ?? (accept_language ?? '').split(',').map(match).find(Boolean) ?? 'en'
}

/** Puts values into the `{name}` places of a text. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => values[name] ?? place)
}

/** An amount in minor units as the customer reads it, such as `398,00 kr`. */
export function money(language: Language, amount: number, currency: string): string {
  try {
    return formatMoney(languages[language].locale, amount, currency)
  } catch {
    return `${(amount / 100).toFixed(2)} ${currency}`
  }
}

/** A number as the customer reads it: `1.255` kilos are `1,255` in most of our languages. */
export function number(language: Language, value: number): string {
  return new Intl.NumberFormat(languages[language].locale, { maximumFractionDigits: 6 }).format(value)
}

/** A time of today as a customer reads it whose own clock we do not know: with the name of the clock, such as `14:05 CET`. */
export function timeOfDay(language: Language, iso: string): string {
  const timeZone = language === 'fi' ? 'Europe/Helsinki' : 'Europe/Oslo'
  const form = { hour: '2-digit', minute: '2-digit', timeZone, timeZoneName: 'short' } as const
  return new Intl.DateTimeFormat(languages[language].locale, form).format(new Date(iso))
}

/** A span of time as the customer reads it, such as `1. des. 2026, 18:00–20:00`. A text with an offset of its own means that clock. */
export function timeSpan(language: Language, starts_at: string, ends_at: string | undefined, timeZone: string): string {
  const offset = /([+-])(\d\d):?(\d\d)$/.exec(starts_at)
  const shift_ms = offset ? Number(`${offset[1]}1`) * (Number(offset[2]) * 60 + Number(offset[3])) * 60_000 : 0
  const [start, end] = [starts_at, ends_at ?? ''].map((iso) => new Date(new Date(iso).getTime() + shift_ms))
  if (Number.isNaN(start!.getTime())) return starts_at
  const format = new Intl.DateTimeFormat(languages[language].locale, {
    dateStyle: 'medium',
    timeStyle: 'short',
    timeZone: offset ? 'UTC' : timeZone,
  })
  return end! > start! ? format.formatRange(start!, end!) : format.format(start)
}
