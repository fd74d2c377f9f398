/*
 * Terminology
 *
 * - mark: one way to pay as shops show it: its name in a badge. We draw no provider's logo
 */
import type { Refusal } from '../../lib/errors.ts'

/** How a mark is written, and its colour in the `colors` variant. */
const marks: Readonly<Record<string, readonly [label: string, color: string]>> = {
  visa: ['Visa', '#1f3a93'],
  mastercard: ['Mastercard', '#7a2e1d'],
  amex: ['Amex', '#1d5c7a'],
  applepay: ['Apple Pay', '#111111'],
  googlepay: ['Google Pay', '#3c4043'],
  clicktopay: ['Click to Pay', '#1b4f4a'],
  vipps: ['Vipps', '#a83a00'],
  mobilepay: ['MobilePay', '#3b4cc0'],
  swish: ['Swish', '#4a2c6d'],
  klarna: ['Klarna', '#7a2c4f'],
  billie: ['Billie', '#3d3a1e'],
  walley: ['Walley', '#7a1f2b'],
  collector: ['Walley', '#7a1f2b'],
  instabank: ['Instabank', '#0f5132'],
  kravia: ['Kravia', '#14425f'],
  two: ['Two', '#2b2f77'],
  nets: ['Nets', '#00507d'],
  netaxept: ['Nets', '#00507d'],
  santander: ['Santander', '#8c1212'],
  invoice: ['Invoice', '#444444'],
  bankid: ['BankID', '#39134c'],
  dintero: ['Dintero', '#2d3a2e'],
  giftcard: ['Gift card', '#5a4a1a'],
}

/** The marks of a product type, by its provider or its method. */
function marksOf(type: string): string[] {
  const [provider = '', method = provider] = type.split('.')
  if (method === 'creditcard') return ['visa', 'mastercard']
  if (type === 'dintero.wallets') return ['giftcard']
  if (provider === 'dintero' || provider === 'seitatech') return []
  if (Object.hasOwn(marks, method) && method !== 'invoice') return [method]
  return Object.hasOwn(marks, provider) ? [provider] : []
}

/** Each mark of these product types, once. */
export function productMarks(types: readonly string[]): string[] {
  return [...new Map(types.flatMap(marksOf).map((name) => [marks[name]![0], name])).values()]
}

/** The marks named in a path, separated by underscores, or why there is no such image. Product types are understood, too. */
export function namedMarks(names: string): string[] | Refusal {
  const found: string[] = []
  for (const name of names.toLowerCase().split('_')) {
    const known = Object.hasOwn(marks, name) ? [name] : marksOf(name)
    if (known.length === 0) return unknown('logos', name, Object.keys(marks))
    found.push(...known)
  }
  return found
}

export type Look = { variant: string; color: string; width: number; template: string }

/** What each part of a path may be (checkout-api §10.5). */
const parts: Readonly<Record<'variant' | 'color' | 'width' | 'template', readonly [RegExp, allowed: readonly string[]]>> = {
  variant: [/^(colors|mono|logomark)$/, ['colors', 'mono', 'logomark']],
  color: [
    /^(#?([0-9a-f]{3}|[0-9a-f]{6}|[0-9a-f]{8})|rgba?\(\s*\d{1,3}\s*(,\s*\d{1,3}\s*){2}(,\s*(0|1|0?\.\d+)\s*)?\))$/i,
    ['hex digits without #', 'rgb()', 'rgba()'],
  ],
  width: [/^(?!0+$)\d{1,4}$/, ['1 to 9999']],
  template: [/^(dintero_top_frame|logos)\.svg$/, ['logos.svg', 'dintero_top_frame.svg']],
}

/** The look a path asks for, or which part of it there is not. */
export function lookOf(path: { variant: string; color: string; width: string; template: string }): Look | Refusal {
  for (const [name, [known, allowed]] of Object.entries(parts)) {
    const value = path[name as keyof typeof parts]
    if (!known.test(value)) return unknown(name, value, allowed)
  }
  const { variant, color, width, template } = path
  return { variant, color: /^[#r]/i.test(color) ? color : `#${color}`, width: Number(width), template }
}

function unknown(path: string, value: string, allowed: readonly string[]): Refusal {
  return { code: 'not_found', path, message: `There is no ${path} ${value.slice(0, 100)}, but ${allowed.join(', ')}.`, allowed }
}

const height = 32
const gap = 8

/** One SVG of the given width: the marks as badges, in as many rows as they need, framed when the template says so. */
export function drawMarks(names: readonly string[], { variant, color, width, template }: Look): string {
  const framed = template.startsWith('dintero_top_frame')
  const margin = framed ? 16 : 0
  let x = margin
  let y = margin
  const badges: string[] = []
  for (const name of names) {
    const [label, own] = marks[name]!
    const wide = Math.min(24 + label.length * 9, Math.max(width - 2 * margin, 1))
    if (x > margin && x + wide > width - margin) {
      x = margin
      y += height + gap
    }
    badges.push(badge(label, { x, y, wide, color: variant === 'colors' ? own : color, filled: variant === 'colors' }))
    x += wide + gap
  }
  const tall = y + height + margin
  const title = names.map((name) => marks[name]![0]).join(', ')
  const frame = framed
    ? `<rect x="1" y="1" width="${Math.max(width - 2, 1)}" height="${tall - 2}" rx="8" fill="none" stroke="${color}" stroke-opacity="0.4"/>`
    : ''
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${tall}" viewBox="0 0 ${width} ${tall}" role="img">` +
    `<title>${title}</title>${frame}${badges.join('')}</svg>`
  )
}

type Badge = { x: number; y: number; wide: number; color: string; filled: boolean }

function badge(label: string, { x, y, wide, color, filled }: Badge): string {
  const fill = filled ? `fill="${color}"` : `fill="none" stroke="${color}"`
  return (
    `<g><rect x="${x + 0.5}" y="${y + 0.5}" width="${wide - 1}" height="${height - 1}" rx="6" ${fill}/>` +
    `<text x="${x + wide / 2}" y="${y + 21}" text-anchor="middle" font-family="Helvetica, Arial, sans-serif" font-size="14" ` +
    `font-weight="600" textLength="${Math.max(wide - 22, 1)}" lengthAdjust="spacingAndGlyphs" fill="${filled ? '#ffffff' : color}">` +
    `${label}</text></g>`
  )
}
