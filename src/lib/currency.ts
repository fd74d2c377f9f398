/** The currencies whose amounts do not have two decimals (ISO 4217). */
const others: Readonly<Record<number, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
}
const digits = new Map(Object.entries(others).flatMap(([count, codes]) => codes.split(' ').map((code) => [code, Number(count)])))

/**
 * How many digits of an amount in minor units are decimals. `Intl` answers by what is in use as cash, otherwise in each version: none for
 * HUF and IDR, which would make the amount a hundred times what is paid.
 */
export function decimalsOf(currency: string): number {
  return digits.get(currency.toUpperCase()) ?? 2
}

/** An amount in minor units as people read it, with its currency. */
export function formatMoney(
  locale: string,
  amount: number,
  currency: string,
  currencyDisplay: 'symbol' | 'code' = 'symbol',
): string {
  const decimals = decimalsOf(currency)
  const shown = { minimumFractionDigits: decimals, maximumFractionDigits: decimals }
  return new Intl.NumberFormat(locale, { style: 'currency', currency, currencyDisplay, ...shown }).format(amount / 10 ** decimals)
}

/** To the nearest unit; halves away from zero, so that what a line costs and what takes it back are the same. Never -0. */
export function roundAmount(amount: number): number {
  return amount < 0 ? 0 - Math.round(-amount) : Math.round(amount)
}
