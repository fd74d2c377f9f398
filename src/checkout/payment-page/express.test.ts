import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Change, expressChange, type Members } from './express.ts'
import type { SessionView } from './view.ts'

const home = { line_id: 'home', id: 'home', amount: 100 }
const session = {
  id: 'T1.s',
  order: { discount_codes: ['A', 'B'] },
  express: { shipping_options: [home] },
} as unknown as SessionView
const companies = { ...session, express: { customer_types: ['b2b'] } } as unknown as SessionView
const person = {
  ...{
    first_name: 'Kari',
    last_name: 'Nordmann',
    address_line: 'Gata 1',
    postal_code: '0155',
    postal_place: 'Oslo',
    country: 'NO',
  },
}
const contact = { email: 'k@example.com', phone_number: '+4740230256' }
const company = { business_name: 'Stoler AS', organization_number: '123456789' }
const shipping_address = { ...person, ...contact, ...company }
const private_address = { ...person, ...contact }
const { postal_code: _, ...incomplete } = shipping_address

const put = (shipping: object, billing: object = shipping): Change => ({
  ...{ path: 'addresses', body: { shipping_address: shipping, billing_address: billing }, refused: 'address_refused' },
})
const lacks = (prefix: string, ...names: string[]): Change => ({
  ...{ refused: 'address_first', missing: names.map((name) => `${prefix}.${name}`) },
})
const all = Object.keys(private_address)
const codes = (...discount_codes: string[]): Change => ({
  ...{ path: 'discount_codes', body: { discount_codes }, refused: 'code_refused' },
})
type Case = [title: string, part: 'address' | 'shipping' | 'discount', form: Members, session: SessionView | undefined, Change]
const cases: Case[] = [
  ['the address of a person', 'address', { shipping_address, customer_type: 'b2c' }, session, put(private_address)],
  ['the address of a company', 'address', { shipping_address, customer_type: 'b2b' }, session, put(shipping_address)],
  ['an address where only companies buy', 'address', { shipping_address }, companies, put(shipping_address)],
  ['an address where nobody says who buys', 'address', { shipping_address }, undefined, put(private_address)],
  [
    'a bill to another address',
    'address',
    { shipping_address, billing_address: { ...person, first_name: 'Ola' }, other_billing: 'true' },
    session,
    put(private_address, { ...private_address, first_name: 'Ola' }),
  ],
  ['an address without a code', 'address', { shipping_address: incomplete }, session, lacks('shipping_address', 'postal_code')],
  [
    'a company without a name',
    'address',
    { shipping_address: private_address },
    companies,
    lacks('shipping_address', ...Object.keys(company)),
  ],
  [
    'a bill to nowhere',
    'address',
    { shipping_address, other_billing: 'true' },
    session,
    lacks('billing_address', ...Object.keys(person)),
  ],
  ['text for an address', 'address', { shipping_address: 'x' }, session, lacks('shipping_address', ...all)],
  ['nothing', 'address', {}, session, lacks('shipping_address', ...all)],
  ['a delivery', 'shipping', { shipping_option: 'home' }, session, { path: 'shipping_option', body: home, refused: 'updated' }],
  ['a delivery that is not offered', 'shipping', { shipping_option: 'sea' }, session, { refused: 'shipping_refused' }],
  ['no delivery', 'shipping', {}, undefined, { refused: 'address_first' }],
  ['a code', 'discount', { discount_code: 'C' }, session, codes('A', 'B', 'C')],
  ['the first code', 'discount', { discount_code: 'C' }, undefined, codes('C')],
  ['a code to be removed, and one typed in', 'discount', { remove_code: 'A', discount_code: 'C' }, session, codes('B')],
  ['no code', 'discount', {}, session, codes('A', 'B')],
]
for (const [title, part, form, before, expected] of cases) {
  test(`express form: ${title}`, () => assert.deepEqual(expressChange(part, form, before), expected))
}
