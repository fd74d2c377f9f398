/*
 * Terminology
 *
 * - profile: a stored configuration that sessions are created from, named by its `profile_id`; `default` exists on every account
 */
import Type, { type Static } from 'typebox'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime, FreeObject, TextLike } from '../../lib/schema.ts'
import { inOrder, mergeTrees, productTypes, type Tree, withTypes } from './configuration.ts'
import { WebUrl } from './url.ts'

/** What is sent to create or replace a profile (checkout-api §8.1). */
export const ProfileIn = Type.Object(
  {
    profile_id: Type.Optional(
      TextLike('^\\S(.*\\S)?$', 'text without blanks at its ends', {
        minLength: 1,
        maxLength: limits.reference_length_max,
        description: 'Generated when absent.',
      }),
    ),
    configuration: FreeObject,
    merchant: Type.Optional(Type.Object({ name: Type.Optional(Type.String()), logo_url: Type.Optional(WebUrl) })),
    url: Type.Optional(Type.Object({ merchant_terms_url: Type.Optional(WebUrl) })),
    description: Type.Optional(Type.String({ maxLength: limits.text_length_max })),
  },
  {
    examples: [
      {
        profile_id: 'cards',
        configuration: { dintero_psp: { creditcard: { enabled: true } }, vipps: { enabled: true } },
        merchant: { name: 'Møbelbutikken', logo_url: 'https://shop.example/logo.svg' },
      },
    ],
  },
)
export type ProfileIn = Static<typeof ProfileIn>

/** A profile as it is shown (checkout-api §8.1). Plugins refuse one without `id`, and find products by their `type`. */
export const Profile = Type.Object(
  {
    id: Type.String(),
    profile_id: Type.String(),
    configuration: FreeObject,
    merchant: Type.Optional(FreeObject),
    url: Type.Optional(FreeObject),
    description: Type.Optional(Type.String()),
    created_at: DateTime,
    created_by: Type.Optional(Type.String()),
    updated_at: DateTime,
    deleted_at: Type.Optional(DateTime),
    deleted_by: Type.Optional(Type.String()),
  },
  {
    title: 'Profile',
    examples: [
      {
        id: 'T12345678.5FkqXn2vKyJ4pW8RuZbA1c',
        profile_id: 'cards',
        configuration: {
          dintero_psp: { type: 'payment_type', creditcard: { type: 'payment_product_type', enabled: true } },
          vipps: { type: 'payment_product_type', enabled: true },
        },
        merchant: { name: 'Møbelbutikken', logo_url: 'https://shop.example/logo.svg' },
        created_at: '2026-11-23T10:00:00.000Z',
        created_by: 'shop',
        updated_at: '2026-11-23T10:00:00.000Z',
      },
    ],
  },
)

const PaymentOption = Type.Object({
  type: Type.String({ description: 'A payment product type.' }),
  currencies: Type.Array(Type.String(), { description: 'ISO 4217 codes, or `any`.' }),
})
const accountMembers = {
  merchant: Type.Optional(Type.Object({ name: Type.Optional(Type.String()), logo_url: Type.Optional(WebUrl) })),
}
/** What is sent to set the account's checkout configuration (checkout-api §8.2). Without `payment_options`: all it has. */
export const AccountConfigurationIn = Type.Object(
  { configuration: Type.Object({ payment_options: Type.Optional(Type.Array(PaymentOption)), ...accountMembers }) },
  { examples: [{ configuration: { payment_options: [{ type: 'vipps', currencies: ['NOK'] }] } }] },
)
/** The account's checkout configuration as it is shown. */
export const AccountConfiguration = Type.Object(
  { configuration: Type.Object({ payment_options: Type.Array(PaymentOption), ...accountMembers }) },
  {
    title: 'CheckoutConfiguration',
    examples: [{ configuration: { payment_options: [{ type: 'vipps', currencies: ['NOK', 'SEK', 'DKK', 'EUR'] }] } }],
  },
)

/** What a profile's row keeps as `data`. */
export type ProfileData = { configuration: Tree; merchant?: Tree; url?: { merchant_terms_url?: string }; description?: string }

export type ProfileRow = {
  account_id: string
  profile_id: string
  id: string
  data: ProfileData
  created_at: Date
  created_by: string | null
  updated_at: Date
  deleted_at: Date | null
  deleted_by: string | null
}

/** Names the members that are kept; what else a client sends is dropped. */
export function profileData({ configuration, merchant, url, description }: ProfileIn): ProfileData {
  return {
    configuration: withTypes(configuration),
    ...(merchant ? { merchant } : {}),
    ...(url ? { url } : {}),
    ...(description === undefined ? {} : { description }),
  }
}

/** The profile as it is shown; `products` are those of the account's gateways. */
export function profileView(row: ProfileRow, products: readonly PaymentProduct[]): Static<typeof Profile> {
  const { data, created_by, deleted_at, deleted_by } = row
  return {
    id: row.id,
    profile_id: row.profile_id,
    ...data,
    configuration: inOrder(data.configuration, products),
    created_at: row.created_at.toISOString(),
    ...(created_by ? { created_by } : {}),
    updated_at: row.updated_at.toISOString(),
    ...(deleted_at ? { deleted_at: deleted_at.toISOString() } : {}),
    ...(deleted_by ? { deleted_by } : {}),
  }
}

/** One of each kind; the same kind at another provider stays in the profile, switched off. */
const enabledByDefault: readonly string[] = [
  'dintero_psp.creditcard',
  'dintero_psp.applepay',
  'dintero_psp.googlepay',
  'dintero_psp.clicktopay',
  'vipps',
  'payex.mobilepay',
  'swish.swish',
  'klarna.klarna',
  'klarna.billie',
  'collector.invoice',
  'collector.invoice_b2b',
  'collector.installment',
  'kravia.invoice_b2b',
  'kravia.invoice_b2c',
  'two.invoice_b2b',
  'instabank.finance',
  'instabank.invoice',
  'instabank.installment',
  'instabank.postponement',
  'santander.debit_account',
  'seitatech.in_person',
  'dintero.zero',
  'dintero.external',
]

const externalDisplay = { payment_method_label: 'Other', button_label: 'Continue' }

/** The `default` profile of a new account: one product of every kind on; without a gateway there is nothing to switch on. */
export function defaultProfile(available: readonly PaymentProduct[]): ProfileIn {
  const types = new Set(available.map(({ payment_product_type }) => payment_product_type))
  let configuration: Tree = {}
  for (const type of productTypes) {
    if (!types.has(type)) continue
    const [group, name] = type.split('.')
    const settings = {
      enabled: enabledByDefault.includes(type),
      ...(type === 'dintero.external' ? { display: externalDisplay } : {}),
    }
    configuration = mergeTrees(configuration, { [group!]: name === undefined ? settings : { [name]: settings } })
  }
  return { profile_id: 'default', configuration }
}
