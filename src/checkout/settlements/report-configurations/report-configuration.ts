/*
 * Terminology
 *
 * - report configuration: to whom reports of settlements are sent, and how. Kept and shown; Kvitt itself sends no e-mail
 */
import Type, { type Static } from 'typebox'
import { DateTime, Reference } from '../../../lib/schema.ts'

const members = {
  filetypes: Type.Array(Reference, { maxItems: 20, examples: [['pdf', 'csv']] }),
  destinations: Type.Array(
    Type.Object({
      id: Type.Optional(Reference),
      destination_type: Type.Enum(['account_email', 'email']),
      destination_value: Type.Optional(Type.String({ maxLength: 1_000 })),
    }),
    { maxItems: 100 },
  ),
  providers: Type.Array(Reference, { maxItems: 100, description: 'None means all.' }),
  filters: Type.Optional(
    Type.Array(Type.Object({ filter: Type.Literal('payout_destination_id'), value: Type.String({ maxLength: 255 }) }), {
      maxItems: 100,
    }),
  ),
  send_every: Type.Optional(Type.Unsafe<unknown>({ deprecated: true })),
}

/** A report configuration as it is created and replaced (checkout-api §10.1). */
export const ReportConfigurationIn = Type.Object(members, {
  title: 'ReportConfigurationIn',
  examples: [
    {
      filetypes: ['pdf', 'csv'],
      destinations: [{ destination_type: 'email', destination_value: 'a@shop.example' }],
      providers: [],
    },
  ],
})
export type ReportConfigurationIn = Static<typeof ReportConfigurationIn>

/** As it is read. `last_send_at` is absent: nothing is sent. */
export const ReportConfiguration = Type.Object(
  {
    ...members,
    id: Type.String(),
    account_id: Type.String(),
    last_modified_at: Type.Integer({ deprecated: true, description: 'Milliseconds since 1970.' }),
    created_at: DateTime,
    updated_at: DateTime,
  },
  {
    title: 'ReportConfiguration',
    examples: [
      {
        id: '0f8fad5b-d9cb-469f-a165-70867728950e',
        account_id: 'T12345678',
        filetypes: ['pdf', 'csv'],
        destinations: [{ id: '1', destination_type: 'email' as const, destination_value: 'a@shop.example' }],
        providers: [],
        last_modified_at: Date.parse('2026-11-23T10:00:00.000Z'),
        created_at: '2026-11-23T10:00:00.000Z',
        updated_at: '2026-11-23T10:00:00.000Z',
      },
    ],
  },
)

/** A row of `checkout.report_configurations`. */
export type ReportConfigurationRow = {
  account_id: string
  id: string
  data: ReportConfigurationIn
  created_at: Date
  updated_at: Date
  last_modified_at: Date
}

/** What is kept of a body: its known members. A destination without an id gets one. */
export function configurationOf(body: ReportConfigurationIn, uuid: () => string): ReportConfigurationIn {
  const { filetypes, providers, filters, send_every } = body
  const destinations = body.destinations.map(({ id, destination_type, destination_value }) => ({
    id: id ?? uuid(),
    destination_type,
    ...(destination_value === undefined ? {} : { destination_value }),
  }))
  return {
    filetypes,
    destinations,
    providers,
    ...(filters === undefined ? {} : { filters }),
    ...(send_every === undefined ? {} : { send_every }),
  }
}

/** The configuration as the API shows it. */
export function configurationView({ data, ...row }: ReportConfigurationRow): Record<string, unknown> {
  return { ...row, last_modified_at: row.last_modified_at.getTime(), ...data }
}
