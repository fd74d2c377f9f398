import Type, { type Static } from 'typebox'
import { DateTime, TextLike } from '../../lib/schema.ts'

const entity = {
  id: Type.String(),
  created_at: DateTime,
  created_by: Type.Optional(Type.String()),
  updated_at: DateTime,
  deleted_at: Type.Optional(DateTime),
  deleted_by: Type.Optional(Type.String()),
}

const example = {
  id: '0b9a7b6e-5f0a-4f7e-9d6c-6a0f4a3f9b57',
  created_at: '2026-11-23T09:13:40.306Z',
  updated_at: '2026-11-23T09:13:40.306Z',
  name: 'Web shop',
  client_id: '0b9a7b6e-5f0a-4f7e-9d6c-6a0f4a3f9b57',
  callbacks: [],
}

/** `POST /auth/clients`. */
export const ClientBody = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 255 })),
    description: Type.Optional(Type.String({ maxLength: 2_000 })),
    client_id: Type.Optional(
      TextLike('^[^:]*$', 'text without a colon', { minLength: 1, maxLength: 255, description: 'Given by us when left out.' }),
    ),
    callbacks: Type.Optional(Type.Array(Type.String({ maxLength: 2_000 }), { maxItems: 100 })),
  },
  { examples: [{ name: 'Web shop' }] },
)
export type ClientBody = Static<typeof ClientBody>

/** An API client (checkout-api §1.5). `id` names it in paths and grants, `client_id` in Basic authentication. */
export const Client = Type.Object(
  {
    ...entity,
    name: Type.Optional(Type.String()),
    description: Type.Optional(Type.String()),
    client_id: Type.String(),
    callbacks: Type.Array(Type.String()),
  },
  { title: 'Client', examples: [example] },
)

/** The answer that has the secret, this once. */
export const ClientWithSecret = Type.Object(
  { ...Client.properties, client_secret: Type.String({ description: '43 characters. Shown this once.' }) },
  { title: 'ClientWithSecret', examples: [{ ...example, client_secret: 'PsOO3S9h6g0RT5yQ7yhD1cM5zW0mZB1hIxE0aJ8nXyM' }] },
)

const grantTypes = ['any', 'authorization_code', 'client_credentials', 'password'] as const

/** `POST /auth/client-grants`. */
export const GrantBody = Type.Object(
  {
    client_id: Type.String({ minLength: 1, maxLength: 255, description: "The client's `id`; its `client_id` is taken too." }),
    audience: Type.String({ maxLength: 2_000, description: 'A URL that names the account.' }),
    scope: Type.Array(Type.String({ maxLength: 255 }), { minItems: 1, maxItems: 100 }),
    type: Type.Optional(Type.Enum([...grantTypes])),
  },
  { examples: [{ client_id: example.id, audience: 'https://api.dintero.com/v1/accounts/T12345678', scope: ['write:checkout'] }] },
)
export type GrantBody = Static<typeof GrantBody>

/** What a client may do on an audience (checkout-api §1.5). */
export const Grant = Type.Object(
  {
    ...entity,
    client_id: Type.String({ description: "The client's `id`." }),
    audience: Type.String(),
    scope: Type.Array(Type.String()),
    type: Type.Enum([...grantTypes]),
  },
  { title: 'Grant' },
)

/** Leaves out the members that are `null` in the database: absent on the wire. */
export function present<T extends object>(row: T): { [K in keyof T]: Exclude<T[K], null> } {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as never
}
