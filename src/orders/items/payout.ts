import { asText } from '../../lib/object.ts'
import type { Item } from './item.ts'

/** How an amount is divided among payout destinations (orders-api §4.5). */
export type Payout = { rule_id?: string; rule_type?: string; destinations: { destination: string; amount: number }[] }

/**
 * Divides `amount` by `weights`: each part is rounded towards zero and the last takes the rest, so that the parts add up to
 * `amount` exactly. A negative amount mirrors the positive one. Weights are whole numbers of any size; all zero counts as equal.
 */
export function splitAmount(amount: number, weights: readonly number[]): number[] {
  const sizes = weights.map((weight) => BigInt(Math.abs(Math.round(weight))))
  const given = sizes.reduce((sum, size) => sum + size, 0n)
  const parts = given === 0n ? sizes.map(() => 1n) : sizes
  const whole = given === 0n ? BigInt(sizes.length) : given
  const sign = amount < 0 ? -1 : 1
  let rest = Math.abs(amount)
  return parts.map((part, index) => {
    const share = index === parts.length - 1 ? rest : Number((BigInt(Math.abs(amount)) * part) / whole)
    rest -= share
    return share === 0 ? 0 : sign * share
  })
}

type Rule = { rule_id?: unknown; rule_type?: unknown; destinations?: unknown }
type Destination = { destination?: unknown; payout_destination_id?: unknown; amount?: unknown; percentage?: unknown }

/**
 * The payout of one line for `amount` of it: by the line's `manual_payout`, else by the `payout` it already carries. A destination
 * weighs its `percentage` or its `amount`; with neither, all weigh the same. Undefined when the line names no destinations.
 */
export function payoutOf(item: Item, amount: number): Payout | undefined {
  const rule = (item.manual_payout ?? item.payout) as Rule | undefined
  if (!rule || !Array.isArray(rule.destinations) || rule.destinations.length === 0) return undefined
  const named = (rule.destinations as Destination[]).map((entry) => ({
    destination: asText(entry?.destination ?? entry?.payout_destination_id) ?? '',
    // Percentages have up to four decimals here; amounts are minor units.
    weight:
      typeof entry?.percentage === 'number' ? entry.percentage * 10_000 : typeof entry?.amount === 'number' ? entry.amount : 0,
  }))
  if (named.some(({ destination, weight }) => destination === '' || !Number.isFinite(weight))) return undefined
  const amounts = splitAmount(
    amount,
    named.map(({ weight }) => weight),
  )
  const [rule_id, rule_type] = [asText(rule.rule_id), asText(rule.rule_type)]
  return {
    ...(rule_id === undefined ? {} : { rule_id }),
    ...(rule_type === undefined ? {} : { rule_type }),
    destinations: named.map(({ destination }, index) => ({ destination, amount: amounts[index]! })),
  }
}
