import { isObject } from '../../lib/object.ts'
import type { Texts } from './language.ts'

/** How the customer pays with a product; decides which fields the page shows. */
export type ProductKind =
  | 'card'
  | 'app'
  | 'redirect'
  | 'invoice'
  | 'company_invoice'
  | 'installment'
  | 'zero'
  | 'gift_card'
  | 'external'
  | 'terminal'

export type ProductGroup = 'card' | 'wallet' | 'later' | 'other'

export type Product = {
  payment_product_type: string
  kind: ProductKind
  group: ProductGroup
  label: string
  /** The name of the one who asks for approval. */
  provider: string
  payable: boolean
  /** Why it can't be used now. */
  reason: 'unavailable' | 'unavailable_amount' | undefined
  /** The product's own part of the configuration. */
  options: Readonly<Record<string, unknown>>
}

type Entry = [kind: ProductKind, group: ProductGroup, provider: string, label?: keyof Texts]

/** Every published product type (checkout-api §9.1), in the order of the page. */
const catalogue: Record<string, Entry> = {
  'dintero.zero': ['zero', 'other', '', 'nothing_to_pay'],
  'dintero_psp.creditcard': ['card', 'card', '', 'card'],
  'payex.creditcard': ['card', 'card', '', 'card'],
  'bambora.creditcard': ['card', 'card', '', 'card'],
  'netaxept.creditcard': ['redirect', 'card', 'Nets', 'card'],
  vipps: ['app', 'wallet', 'Vipps'],
  'dintero_psp.vipps': ['app', 'wallet', 'Vipps'],
  'payex.vipps': ['app', 'wallet', 'Vipps'],
  'bambora.vipps': ['app', 'wallet', 'Vipps'],
  'payex.mobilepay': ['app', 'wallet', 'MobilePay'],
  'bambora.mobilepay': ['app', 'wallet', 'MobilePay'],
  'swish.swish': ['app', 'wallet', 'Swish'],
  'payex.swish': ['app', 'wallet', 'Swish'],
  'dintero_psp.applepay': ['redirect', 'wallet', 'Apple Pay'],
  'payex.applepay': ['redirect', 'wallet', 'Apple Pay'],
  'bambora.applepay': ['redirect', 'wallet', 'Apple Pay'],
  'dintero_psp.googlepay': ['redirect', 'wallet', 'Google Pay'],
  'payex.googlepay': ['redirect', 'wallet', 'Google Pay'],
  'bambora.googlepay': ['redirect', 'wallet', 'Google Pay'],
  'dintero_psp.clicktopay': ['redirect', 'wallet', 'Click to Pay'],
  'payex.clicktopay': ['redirect', 'wallet', 'Click to Pay'],
  'klarna.klarna': ['redirect', 'later', 'Klarna'],
  'klarna.billie': ['redirect', 'later', 'Billie'],
  'collector.invoice': ['invoice', 'later', 'Walley', 'invoice'],
  'collector.installment': ['installment', 'later', 'Walley', 'installment'],
  'collector.finance': ['invoice', 'later', 'Walley', 'finance'],
  'collector.invoice_b2b': ['company_invoice', 'later', 'Walley', 'invoice_company'],
  'collector.invoice_b2b_preapproved': ['company_invoice', 'later', 'Walley', 'invoice_approved'],
  'collector.installment_b2b_preapproved': ['company_invoice', 'later', 'Walley', 'invoice_approved'],
  'instabank.invoice': ['invoice', 'later', 'Instabank', 'invoice'],
  'instabank.installment': ['invoice', 'later', 'Instabank', 'installment'],
  'instabank.finance': ['invoice', 'later', 'Instabank', 'finance'],
  'instabank.postponement': ['invoice', 'later', 'Instabank', 'postponement'],
  'kravia.invoice_b2c': ['invoice', 'later', 'Kravia', 'invoice'],
  'kravia.invoice_b2b': ['company_invoice', 'later', 'Kravia', 'invoice_company'],
  'kravia.invoice_b2b_grouped': ['company_invoice', 'later', 'Kravia', 'invoice_company'],
  'two.invoice_b2b': ['company_invoice', 'later', 'Two', 'invoice_company'],
  'santander.debit_account': ['redirect', 'other', 'Santander', 'debit_account'],
  'dintero.wallets': ['gift_card', 'other', '', 'gift_card'],
  'dintero.external': ['external', 'other', '', 'external'],
  'seitatech.in_person': ['terminal', 'other', '', 'in_person'],
}

/** Every product type the page knows; the gallery shows them all. */
export const productTypes: readonly string[] = Object.keys(catalogue)

const order: Record<ProductGroup, number> = { card: 0, wallet: 1, later: 2, other: 3 }

type Node = Readonly<Record<string, unknown>>

/** The enabled products of a session's configuration, grouped, the default one first in its group. Unknown types are shown too. */
export function enabledProducts(configuration: unknown, texts: Texts, amount: number): Product[] {
  const found: Product[] = []
  for (const [group, node] of Object.entries(isObject(configuration) ? configuration : {})) {
    if (!isObject(node)) continue
    if (group === 'vipps') {
      if (node.enabled === true) found.push(describe('vipps', node, texts, amount))
      continue
    }
    if (group === 'discounts' || group === 'active_payment_types') continue
    for (const [name, product] of Object.entries(node)) {
      if (!isObject(product) || product.enabled !== true) continue
      const type = `${group}.${name}`
      if (product.type === 'payment_product_type' || Object.hasOwn(catalogue, type)) {
        found.push(describe(type, product, texts, amount))
      }
    }
  }
  const place = (product: Product) => order[product.group] * 1_000 + indexOf(product.payment_product_type)
  // "Nothing to pay" says nothing to who has something to pay.
  return found.filter(({ kind, payable }) => payable || kind !== 'zero').sort((a, b) => place(a) - place(b))
}

function indexOf(type: string): number {
  const index = productTypes.indexOf(type)
  return index < 0 ? productTypes.length : index
}

/** What a new profile calls `dintero.external`: not a name that the merchant chose, so each language has its own. */
const unnamed = 'Other'

function describe(type: string, options: Node, texts: Texts, amount: number): Product {
  const [kind, group, provider, text] = catalogue[type] ?? (['redirect', 'other', type] as Entry)
  const reason =
    options.payability === 'disabled_by_order_amount' || (amount === 0) !== (kind === 'zero')
      ? 'unavailable_amount'
      : options.payability === 'disabled_by_gateway'
        ? 'unavailable'
        : undefined
  const display = isObject(options.display) ? options.display : {}
  const { payment_method_label: label } = display
  const own = kind === 'external' && typeof label === 'string' && label !== unnamed ? label : undefined
  const named = text ? (provider && kind !== 'redirect' ? `${texts[text]} (${provider})` : texts[text]) : provider
  return {
    payment_product_type: type,
    kind,
    group,
    label: own ?? named,
    provider: provider || texts.card,
    payable: reason === undefined,
    reason,
    options,
  }
}

/** The product that is selected when the page opens: the one asked for, the configured default, else the first that can be paid with. */
export function selectedProduct(
  products: readonly Product[],
  asked: string | undefined,
  configuration: unknown,
): Product | undefined {
  const usable = products.filter((product) => product.payable)
  const wanted = [asked, isObject(configuration) ? configuration.default_payment_type : undefined]
  for (const type of wanted) {
    const product = usable.find(({ payment_product_type }) => payment_product_type === type)
    if (product) return product
  }
  return usable[0]
}
