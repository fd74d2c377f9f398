import Type from 'typebox'

const kept = [
  'dintero-system-name',
  'dintero-system-version',
  'dintero-system-plugin-name',
  'dintero-system-plugin-version',
  'dintero-checkout-instance-id',
  'user-agent',
]

/** The headers that are stored and shown with what the request caused (checkout-api §1.2); `undefined` when there are none. */
export function systemHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string> | undefined {
  const found: Record<string, string> = {}
  for (const name of kept) {
    const value = headers[name]
    if (typeof value === 'string' && value !== '') found[name] = value.slice(0, 1_000)
  }
  return Object.keys(found).length > 0 ? found : undefined
}

/** For the reference: {@link featureToggles} reads it. */
export const Toggled = Type.Object({
  'dintero-feature-toggles': Type.Optional(
    Type.String({
      description:
        'A list. `strict-session-amounts`: the items and the shipping option must add up to the amount. For `POST /v1/sessions/pay`: ' +
        '`strict-merchant-reference` (no other session has it), `strict-success-merchant-reference` (none that was paid).',
    }),
  ),
})
/** For the reference: how the customer's side says which state of the session was seen. */
export const Seen = Type.Object({
  'if-unmodified-since': Type.Optional(
    Type.String({
      description: 'The `updated_at` of the session as it was seen: when it has moved since, 412, and nothing is done.',
    }),
  ),
})

/** The toggles of `Dintero-Feature-Toggles` (checkout-api §1.10); unknown ones do nothing. */
export function featureToggles(header: unknown): ReadonlySet<string> {
  const text = Array.isArray(header) ? header.join(',') : typeof header === 'string' ? header : ''
  return new Set(text.split(',').map((toggle) => toggle.trim().toLowerCase()))
}
