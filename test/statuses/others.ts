import { randomUUID } from 'node:crypto'
import { walk } from '../sessions-shop.ts'
import { card, only, type Row, type World } from './world.ts'

const profiles = '/v1/admin/session/profiles'
const profile = { configuration: only(card), merchant: { name: 'Møbelbutikken' } }
const named = async ({ must }: World) => (await must('POST', profiles, profile)).id as string

/** Profiles and the account's configuration (checkout-api §8). */
const adminRows: Row[] = [
  ['admin_session_profiles_post', 200, '', () => ({ path: profiles, body: profile })],
  ['admin_session_profiles_post', 400, 'invalid_request', () => ({ path: profiles, body: { merchant: {} } })],
  ['admin_session_profiles_post', 409, 'profile_exists', () => ({ path: profiles, body: { ...profile, profile_id: 'default' } })],
  ['admin_session_profiles_get', 200, '', () => ({ path: profiles })],
  ['admin_session_profiles_get', 400, 'invalid_request', () => ({ path: `${profiles}?limit=0` })],
  ['admin_session_profiles_profile_id_get', 200, '', () => ({ path: `${profiles}/default` })],
  ['admin_session_profiles_profile_id_get', 404, 'profile_not_found', () => ({ path: `${profiles}/none` })],
  [
    'admin_session_profiles_profile_id_put',
    200,
    '',
    async (world) => ({ path: `${profiles}/${await named(world)}`, body: profile }),
  ],
  ['admin_session_profiles_profile_id_put', 400, 'invalid_request', () => ({ path: `${profiles}/default`, body: {} })],
  ['admin_session_profiles_profile_id_put', 404, 'profile_not_found', () => ({ path: `${profiles}/none`, body: profile })],
  ['admin_session_profiles_profile_id_delete', 200, '', async (world) => ({ path: `${profiles}/${await named(world)}` })],
  ['admin_session_profiles_profile_id_delete', 404, 'profile_not_found', () => ({ path: `${profiles}/none` })],
  ['admin_checkout_get', 200, '', () => ({ path: '/v1/admin/checkout' })],
  [
    'admin_checkout_put',
    200,
    '',
    ({ fresh }) => ({
      path: '/v1/admin/checkout',
      body: { configuration: { payment_options: [{ type: 'vipps', currencies: ['NOK'] }] } },
      account: fresh,
    }),
  ],
  ['admin_checkout_put', 400, 'invalid_request', () => ({ path: '/v1/admin/checkout', body: { configuration: 1 } })],
]

const settlements = ({ account_id }: { account_id: string }) => `/v1/accounts/${account_id}/settlements`
const reports = ({ account_id }: World) => `/v1/accounts/${account_id}/reports/metadata`
const configurations = (account: { account_id: string }) => `${settlements(account)}/reports/configuration`
const report = { filetypes: ['csv'], destinations: [{ destination_type: 'account_email' }], providers: [] }
const reporting = async (world: World) =>
  `${configurations(world)}/${(await world.must('POST', configurations(world), report)).id}`
const generate = (account: { account_id: string }) => `${settlements(account)}/reports/generate-test-report`
const sold = async (world: World) => {
  const transaction = await world.paid()
  await world.must('POST', `${transaction}/capture`, { amount: walk.order.amount })
}
/** The attachment of a settlement that was made just now. */
async function attachment(world: World): Promise<string> {
  await sold(world)
  await world.must('POST', generate(world))
  const { items } = await world.must('GET', `${settlements(world)}?limit=1`)
  return `${settlements(world)}/${items[0].id}/attachments/${items[0].attachments[0].id}`
}
const without = (world: World) => `${settlements(world)}/${randomUUID()}/attachments/x`
const signed = async (world: World) => new URL(await world.must('GET', await attachment(world)))

/** Settlements (checkout-api §10.1). */
const settlementRows: Row[] = [
  ['aid_settlements_get', 200, '', (world) => ({ path: settlements(world) })],
  ['aid_settlements_get', 400, 'invalid_request', (world) => ({ path: `${settlements(world)}?starting_after_id=x` })],
  ['aid_reports_metadata_get', 200, '', (world) => ({ path: reports(world) })],
  ['aid_reports_metadata_get', 400, 'invalid_request', (world) => ({ path: `${reports(world)}?limit=0` })],
  ['aid_settlements_fees_get', 200, '', (world) => ({ path: `${settlements(world)}/fees` })],
  ['aid_settlements_fees_put', 200, '', (world) => ({ path: `${settlements(world)}/fees`, body: { fees: [] } })],
  ['aid_settlements_fees_put', 400, 'invalid_request', (world) => ({ path: `${settlements(world)}/fees`, body: {} })],
  ['aid_settlements_reports_configuration_get', 200, '', (world) => ({ path: configurations(world) })],
  [
    'aid_settlements_reports_configuration_get',
    400,
    'invalid_request',
    (world) => ({ path: `${configurations(world)}?limit=0` }),
  ],
  ['aid_settlements_reports_configuration_post', 200, '', (world) => ({ path: configurations(world), body: report })],
  ['aid_settlements_reports_configuration_post', 400, 'invalid_request', (world) => ({ path: configurations(world), body: {} })],
  ['aid_settlements_reports_configuration_id_get', 200, '', async (world) => ({ path: await reporting(world) })],
  [
    'aid_settlements_reports_configuration_id_get',
    404,
    'not_found',
    (world) => ({ path: `${configurations(world)}/${randomUUID()}` }),
  ],
  ['aid_settlements_reports_configuration_id_put', 200, '', async (world) => ({ path: await reporting(world), body: report })],
  [
    'aid_settlements_reports_configuration_id_put',
    400,
    'invalid_request',
    async (world) => ({ path: await reporting(world), body: {} }),
  ],
  [
    'aid_settlements_reports_configuration_id_put',
    404,
    'not_found',
    (world) => ({ path: `${configurations(world)}/x`, body: report }),
  ],
  ['aid_settlements_reports_configuration_id_delete', 200, '', async (world) => ({ path: await reporting(world) })],
  ['aid_settlements_reports_configuration_id_delete', 404, 'not_found', (world) => ({ path: `${configurations(world)}/x` })],
  ['aid_settlements_reports_generate_test_report_post', 200, '', ({ fresh }) => ({ path: generate(fresh), account: fresh })],
  [
    'aid_settlements_reports_generate_test_report_post',
    201,
    '',
    async (world) => {
      await sold(world)
      return { path: generate(world) }
    },
  ],
  [
    'aid_settlements_reports_generate_test_report_post',
    400,
    'invalid_request',
    (world) => ({ path: generate(world), body: { date_range: { start_date: 'soon' } } }),
  ],
  [
    'aid_settlements_reports_generate_test_report_post',
    403,
    'test_accounts_only',
    ({ production }) => ({ path: generate(production), account: production }),
  ],
  ['aid_settlements_sid_attachments_id_get', 200, '', async (world) => ({ path: await attachment(world) })],
  ['aid_settlements_sid_attachments_id_get', 404, 'not_found', (world) => ({ path: without(world) })],
  [
    'aid_settlements_sid_attachments_id_download_get',
    200,
    '',
    async (world) => {
      const { pathname, search } = await signed(world)
      return { path: pathname + search }
    },
  ],
  [
    'aid_settlements_sid_attachments_id_download_get',
    400,
    'invalid_request',
    (world) => ({ path: `${without(world)}/download` }),
  ],
  [
    'aid_settlements_sid_attachments_id_download_get',
    403,
    'forbidden',
    (world) => ({ path: `${without(world)}/download?expires=1&signature=x` }),
  ],
]

const look = 'variant/colors/color/cecece/width/420/dintero_top_frame.svg'
const script = '/v1/simulator/script'
const scripted = async (world: World) => {
  await world.must('PUT', script, { seed: 's' })
  return { path: script }
}
const unscripted = ({ fresh }: World) => ({ path: script, account: fresh })
async function token(world: World): Promise<string> {
  const configuration = { dintero_psp: { creditcard: { enabled: true, generate_payment_token: true } } }
  const transaction = await world.must('GET', await world.paid(card, { configuration }))
  return `/v1/card-tokens/${transaction.card.payment_token_id}`
}

/** Card tokens, images, what can be paid with, and the simulator (checkout-api §8.4, §10.5, and ours). */
export const otherRows: Row[] = [
  ...adminRows,
  ...settlementRows,
  ['branding_logos_get', 200, '', () => ({ path: `/v1/branding/logos/visa_vipps/${look}` })],
  ['branding_logos_get', 404, 'not_found', () => ({ path: `/v1/branding/logos/nobody/${look}` })],
  ['branding_profiles_get', 200, '', async (world) => ({ path: `/v1/branding/profiles/${await named(world)}/${look}` })],
  ['branding_profiles_get', 404, 'profile_not_found', () => ({ path: `/v1/branding/profiles/default/${look}` })],
  [
    'branding_accounts_profiles_get',
    200,
    '',
    ({ account_id }) => ({ path: `/v1/branding/accounts/${account_id}/profiles/default/${look}` }),
  ],
  [
    'branding_accounts_profiles_get',
    404,
    'profile_not_found',
    ({ account_id }) => ({ path: `/v1/branding/accounts/${account_id}/profiles/none/${look}` }),
  ],
  ['checkout_card_tokens_get', 200, '', () => ({ path: '/v1/card-tokens' })],
  ['checkout_card_tokens_get', 400, 'invalid_request', () => ({ path: '/v1/card-tokens?status=LOST' })],
  ['checkout_card_tokens_id_get', 200, '', async (world) => ({ path: await token(world) })],
  ['checkout_card_tokens_id_get', 404, 'not_found', () => ({ path: '/v1/card-tokens/none' })],
  ['checkout_card_tokens_id_delete', 200, '', async (world) => ({ path: await token(world) })],
  ['checkout_card_tokens_id_delete', 404, 'not_found', () => ({ path: '/v1/card-tokens/none' })],
  ['payment_product_types_get', 200, '', () => ({ path: '/v1/payment-product-types' })],
  ['simulator_book_get', 200, '', () => ({ path: '/v1/simulator/book' })],
  ['simulator_book_get', 400, 'invalid_request', () => ({ path: '/v1/simulator/book?limit=0' })],
  ['simulator_script_put', 200, '', () => ({ path: script, body: { seed: 's' } })],
  ['simulator_script_put', 400, 'invalid_request', () => ({ path: script, body: { rulez: [] } })],
  ['simulator_script_get', 200, '', scripted],
  ['simulator_script_get', 404, 'not_found', unscripted],
  ['simulator_script_delete', 200, '', scripted],
  ['simulator_script_delete', 404, 'not_found', unscripted],
]
