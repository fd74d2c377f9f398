import Type, { type Static } from 'typebox'
import type { FoundOutcome } from '../../gateways/gateway.ts'
import type { Refusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, Currency, DateTime, FreeObject } from '../../lib/schema.ts'
import { isSettled, type OperationRow } from './operation.ts'

/** What a person says about an operation whose outcome the provider can't tell (ours). */
export const Resolution = Type.Object(
  {
    outcome: Type.Unsafe<'succeeded' | 'failed'>({ type: 'string', enum: ['succeeded', 'failed'] }),
    evidence: Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: 'How this is known: a statement line, a ticket, a call with the provider. It is kept with the event.',
    }),
    gateway_reference: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.reference_length_max,
        description: 'The name that the provider gave to the payment. Required when an authorization succeeded.',
      }),
    ),
  },
  {
    title: 'OperationResolution',
    additionalProperties: true,
    examples: [{ outcome: 'succeeded', evidence: 'Settlement file of 2026-11-23, line 17' }],
  },
)
export type Resolution = Static<typeof Resolution>

/** A call to a gateway, as it is shown (ours). */
export const OperationAnswer = Type.Object(
  {
    id: Type.String({ description: 'Also the idempotency key that the provider gets.' }),
    kind: Type.Enum(['authorize', 'capture', 'refund', 'void', 'update_authorization']),
    state: Type.Enum(['pending', 'unknown', 'action_required', 'held', 'succeeded', 'failed']),
    transaction_id: Type.String(),
    session_id: Type.String(),
    gateway: Type.String(),
    payment_product_type: Type.String(),
    amount: Amount,
    currency: Currency,
    intent: Type.Object({}, { additionalProperties: true, description: 'What was asked for, besides the amount.' }),
    outcome: Type.Optional(FreeObject),
    attempts: Type.Integer(),
    next_attempt_at: Type.Optional(DateTime),
    next: Type.String({ description: 'What will happen, in words.' }),
    created_at: DateTime,
    created_by: Type.Optional(Type.String()),
    updated_at: DateTime,
  },
  {
    title: 'Operation',
    examples: [
      {
        id: '0f8fad5b-d9cb-469f-a165-70867728950e',
        kind: 'capture' as const,
        state: 'unknown' as const,
        transaction_id: 'T12345678.5GD3ZZNzsXn5FpukqUxHWw',
        session_id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm',
        gateway: 'simulator',
        payment_product_type: 'dintero_psp.creditcard',
        amount: 29990,
        currency: 'NOK',
        intent: { event_reference: 'C-1' },
        attempts: 2,
        next_attempt_at: '2026-11-23T10:00:12.000Z',
        next: 'The provider is asked again, with the same key, at next_attempt_at; or a person resolves it.',
        created_at: '2026-11-23T10:00:00.000Z',
        created_by: 'shop',
        updated_at: '2026-11-23T10:00:10.000Z',
      },
    ],
  },
)

const hidden = ['request_hash', 'token_id', 'token_type', 'request_headers']

/** The operation as it is shown: no hash of a request, no token, no redirect that belongs to the customer. */
export function operationView(operation: OperationRow): Record<string, unknown> {
  const { account_id: _, request, outcome, next_attempt_at, created_at, created_by, updated_at, ...shown } = operation
  const intent = Object.fromEntries(Object.entries(request).filter(([name]) => !hidden.includes(name)))
  const { redirect_url: __, ...told } = (outcome ?? {}) as Record<string, unknown>
  return {
    ...shown,
    intent,
    ...(outcome ? { outcome: told } : {}),
    ...(next_attempt_at ? { next_attempt_at: next_attempt_at.toISOString() } : {}),
    next: nextOf(operation),
    created_at: created_at.toISOString(),
    ...(created_by === null ? {} : { created_by }),
    updated_at: updated_at.toISOString(),
  }
}

function nextOf({ state, next_attempt_at }: OperationRow): string {
  switch (state) {
    case 'succeeded':
      return next_attempt_at ? 'It succeeded too late and is being voided.' : 'Nothing: it is settled.'
    case 'failed':
      return 'Nothing: it is settled.'
    case 'pending':
      return 'The provider is being asked; should the process that asks have died, another one asks again at next_attempt_at.'
    case 'unknown':
      return 'The provider is asked again, with the same key, at next_attempt_at; or a person resolves it.'
    case 'held':
      return 'Somebody at the provider decides; it is asked at next_attempt_at.'
    case 'action_required':
      return 'The customer is at the provider; it is asked at next_attempt_at.'
  }
}

/** May a person settle it? Not when it is settled, being asked right now, or when the provider knows. */
export function mayResolve(operation: OperationRow, resolution: Resolution, known: FoundOutcome, now: Date): Refusal | undefined {
  const { id, state, next_attempt_at, kind } = operation
  if (isSettled(operation)) return { code: 'operation_settled', message: `Operation ${id} is settled already: it ${state}.` }
  if (state === 'pending' && next_attempt_at && next_attempt_at > now) {
    return { code: 'operation_pending', message: 'The provider is being asked right now. Wait until next_attempt_at.' }
  }
  if (known.outcome === 'succeeded' || known.outcome === 'failed' || known.outcome === 'absent') {
    const what = known.outcome === 'absent' ? 'that it never received it' : `that it ${known.outcome}`
    return { code: 'operation_known', message: `The provider can tell, and says ${what}; that is what will be recorded.` }
  }
  if (kind === 'authorize' && resolution.outcome === 'succeeded' && resolution.gateway_reference === undefined) {
    const message = '/gateway_reference is required when an authorization succeeded.'
    return { code: 'invalid_request', path: '/gateway_reference', message }
  }
}
