import type { PaymentProduct } from '../gateway.ts'

const nordic = ['NOK', 'SEK', 'DKK', 'EUR'] as const
const plain = {
  direct_capture: false,
  partial_capture: true,
  partial_refund: true,
  void_remainder: false,
  may_hold: false,
  refund_later: false,
  authorization_update: [],
  token_types: [],
  currencies: 'any',
} as const satisfies Omit<PaymentProduct, 'payment_product_type'>

type Differences = Partial<Omit<PaymentProduct, 'payment_product_type'>>
const bambora: Differences = { refund_later: true }
const collector: Differences = { may_hold: true, currencies: nordic }
const dinteroPsp: Differences = { authorization_update: ['pre_authorization'] }
const instabank: Differences = { currencies: ['NOK'] }
const kravia: Differences = { currencies: ['NOK'] }
const payex: Differences = { void_remainder: true }
const swish: Differences = { direct_capture: true, refund_later: true, currencies: ['SEK'] }
const paymentToken = ['payment_token'] as const

/** What sets each type apart (checkout-api §4.5.5–4.5.7, §3.8, §9.2); all else is `plain`. */
const differences: Record<string, Differences> = {
  'bambora.applepay': bambora,
  'bambora.creditcard': { ...bambora, token_types: paymentToken },
  'bambora.googlepay': bambora,
  'bambora.mobilepay': { ...bambora, currencies: nordic },
  'bambora.vipps': { ...bambora, currencies: nordic },
  'collector.invoice': collector,
  'collector.invoice_b2b': collector,
  'collector.invoice_b2b_preapproved': collector,
  'collector.installment': collector,
  'collector.finance': collector,
  'collector.installment_b2b_preapproved': collector,
  'dintero.zero': {},
  'dintero.wallets': {},
  'dintero.external': { may_hold: true, authorization_update: ['release_hold'] },
  'dintero_psp.creditcard': { ...dinteroPsp, token_types: paymentToken },
  'dintero_psp.vipps': { ...dinteroPsp, currencies: nordic },
  'dintero_psp.googlepay': { ...dinteroPsp, token_types: paymentToken },
  'dintero_psp.applepay': dinteroPsp,
  'dintero_psp.clicktopay': { ...dinteroPsp, token_types: paymentToken },
  'instabank.finance': instabank,
  'instabank.invoice': instabank,
  'instabank.installment': instabank,
  'instabank.postponement': instabank,
  'klarna.klarna': { void_remainder: true, authorization_update: ['extend', 'amount'] },
  'klarna.billie': { void_remainder: true, authorization_update: ['amount'] },
  'kravia.invoice_b2b': kravia,
  'kravia.invoice_b2b_grouped': kravia,
  'kravia.invoice_b2c': kravia,
  'netaxept.creditcard': {},
  'payex.creditcard': { ...payex, token_types: ['payment_token', 'recurrence_token'] },
  'payex.mobilepay': { ...payex, currencies: nordic },
  'payex.swish': swish,
  'payex.vipps': { ...payex, currencies: nordic },
  'payex.applepay': payex,
  'payex.clicktopay': payex,
  'payex.googlepay': payex,
  'santander.debit_account': { currencies: nordic },
  'seitatech.in_person': {},
  'swish.swish': swish,
  'two.invoice_b2b': { currencies: nordic },
  vipps: { void_remainder: true, currencies: nordic },
}

/** Every payment product type of checkout-api §9.1 with what it can do; the simulator keeps these rules itself. */
export const products: readonly PaymentProduct[] = Object.entries(differences).map(([payment_product_type, different]) => ({
  payment_product_type,
  ...plain,
  ...different,
}))

const byType = new Map(products.map((product) => [product.payment_product_type, product]))

/** What this payment product type can do; nothing when the simulator doesn't know it. */
export function findProduct(payment_product_type: string): PaymentProduct | undefined {
  return byType.get(payment_product_type)
}
