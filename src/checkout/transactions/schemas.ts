import Type, { type Static, type TSchema } from 'typebox'
import type { Refusal } from '../../lib/errors.ts'
import { pointerStep } from '../../lib/object.ts'
import { AmountIn, FreeObject, LineIdIn, Reference } from '../../lib/schema.ts'
import type { Item } from './transaction.ts'

/** `includes` and other lists: repeated, or one text with commas (checkout-api §1.9). */
export const TextList = Type.Array(Type.String())

/** Of a capture or refund: which line, how much (checkout-api §2.4, §4.5.4), and whatever else the client sends (§13 no. 5). */
const ItemIn = Type.Object({ line_id: LineIdIn, amount: AmountIn, quantity: Type.Optional(Type.Number()) })

const movement = {
  amount: Type.Optional(AmountIn),
  items: Type.Optional(Type.Array(ItemIn, { maxItems: 1000 })),
  metadata: Type.Optional(FreeObject),
}

/** Bodies such as `""`, `[]` and none at all are legal beside an object (clients §6.6); they say nothing. */
function lenient<T extends TSchema>(schema: T): T {
  return Type.Unsafe<Static<T>>({ ...schema, type: ['object', 'array', 'string', 'null'] }) as unknown as T
}

export const CaptureBody = lenient(
  Type.Object(
    { ...movement, capture_reference: Type.Optional(Reference), final_capture: Type.Optional(Type.Boolean()) },
    { title: 'Capture', examples: [{ amount: 29990, capture_reference: 'C-1', items: [{ line_id: '1', amount: 29990 }] }] },
  ),
)
export const RefundBody = lenient(
  Type.Object(
    {
      ...movement,
      reason: Type.Optional(Type.String({ maxLength: 1000 })),
      refund_reference: Type.Optional(Reference),
      terminal_id: Type.Optional(Reference),
    },
    { title: 'Refund', examples: [{ amount: 10000, reason: 'damage', refund_reference: 'R-1' }] },
  ),
)
export const ReferenceBody = lenient(
  Type.Object(
    { merchant_reference_2: Type.Optional(Reference) },
    { title: 'TransactionUpdate', examples: [{ merchant_reference_2: 'A-2' }] },
  ),
)
/** The published void has no body; what comes is ignored. */
export const VoidBody = Type.Unsafe<unknown>({ examples: [{}] })

export const IncludesQuery = Type.Object({ includes: Type.Optional(TextList) })

/** A body that clients send as an object, or as nothing in one of its spellings. */
export function bodyOf<T>(body: T | undefined | null): Partial<T> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : {}
}

/** Items as they are kept: amounts whole, everything else as sent. */
export function itemsOf(items: readonly Item[] | undefined): Item[] | undefined {
  return items?.length ? [...items] : undefined
}

/** The metadata of a capture or refund: keys `ext_…` of at most 128 characters, values at most 256 (checkout-api §2.9). */
export function metadataOf(metadata: Record<string, unknown> | undefined): Record<string, string> | Refusal {
  const kept: Record<string, string> = {}
  for (const [key, value] of Object.entries(metadata ?? {})) {
    const path = `/metadata/${pointerStep(key.slice(0, 140))}`
    if (!key.startsWith('ext_')) return { code: 'metadata_invalid', message: `${path}: keys must begin with ext_.`, path }
    if (key.length > 128)
      return { code: 'metadata_invalid', message: `${path}: keys have at most 128 characters.`, path, allowed: 128 }
    if (typeof value !== 'string' && typeof value !== 'number') {
      return { code: 'metadata_invalid', message: `${path} must be text.`, path }
    }
    const text = String(value)
    if (text.length > 256)
      return { code: 'metadata_invalid', message: `${path}: values have at most 256 characters.`, path, allowed: 256 }
    kept[key] = text
  }
  return kept
}

/** A list parameter, whether repeated or written with commas. */
export function listOf(values: readonly string[] | undefined): string[] {
  return values?.flatMap((value) => value.split(',')).filter((value) => value !== '') ?? []
}
