import { type Html, html } from '../../../lib/html.ts'
import type { Product, ProductKind } from '../products.ts'

/** Line drawings of 24 by 24; no provider's logo. */
const paths = {
  card: 'M3 6h18v12H3zM3 10h18M7 15h4',
  phone: 'M8 3h8v18H8zM11 18h2',
  later: 'M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16M12 8v4l3 2',
  invoice: 'M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6',
  plan: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  gift: 'M4 9h16v4H4zM6 13v7h12v-7M12 9v11M12 9c-2-5-7-3-4 0M12 9c2-5 7-3 4 0',
  terminal: 'M7 3h10v18H7zM10 6h4v4h-4zM10 14h.1M14 14h.1M10 17h.1M14 17h.1',
  shop: 'M4 20h16M6 20v-9M18 20v-9M4 11l2-6h12l2 6zM10 20v-5h4v5',
  done: 'M5 13l5 5 9-11',
  cross: 'M6 6l12 12M18 6L6 18',
}

export type Icon = keyof typeof paths

export function icon(name: Icon): Html {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${paths[name]}"/></svg>`
}

const kinds: Partial<Record<ProductKind, Icon>> = {
  card: 'card',
  app: 'phone',
  invoice: 'invoice',
  company_invoice: 'invoice',
  installment: 'plan',
  zero: 'done',
  gift_card: 'gift',
  terminal: 'terminal',
}
const groups = { card: 'card', wallet: 'phone', later: 'later', other: 'shop' } as const

export const productIcon = ({ kind, group }: Product): Html => icon(kinds[kind] ?? groups[group])
