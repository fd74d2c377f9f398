import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { throwRefusal } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { responses } from '../../lib/schema.ts'
import { configurationRefusal } from './configuration.ts'
import * as operations from './operations.ts'
import { AccountConfiguration, AccountConfigurationIn, Profile, ProfileIn, type ProfileRow, profileView } from './profile.ts'
import { urlsRefusal } from './url.ts'

const tags = ['admin']
const Name = Type.Object({ profile_id: Type.String({ description: '`profile_id`, or the profile’s `id`.' }) })
const write = { scopes: ['write:checkout:/admin/session/profiles'], api_key: true }
const read = { scopes: ['read:checkout'], api_key: true }
const admin = { scopes: ['admin:checkout'], api_key: true }

function profileRefusal({ configuration, merchant, url }: ProfileIn) {
  const urls = urlsRefusal([
    ['/merchant/logo_url', merchant?.logo_url],
    ['/url/merchant_terms_url', url?.merchant_terms_url],
  ])
  return urls ?? configurationRefusal(configuration)
}

/** Session profiles and the account's checkout configuration (checkout-api §8.1, §8.2). */
export const profileRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  const shown = (row: ProfileRow) => profileView(row, parts.gateways.products(row.account_id))

  app.post(
    '/v1/admin/session/profiles',
    {
      config: write,
      schema: {
        operationId: 'admin_session_profiles_post',
        tags,
        summary: 'Create a session profile',
        body: ProfileIn,
        response: responses({ 200: Profile }, 400, 401, 403, 409),
      },
    },
    async ({ auth, body }) => {
      const { account_id, subject: created_by } = auth
      throwRefusal(profileRefusal(body))
      return shown(await operations.createProfile(parts, { account_id, created_by, profile: body }))
    },
  )

  app.get(
    '/v1/admin/session/profiles',
    {
      config: read,
      schema: {
        operationId: 'admin_session_profiles_get',
        tags,
        summary: 'List session profiles',
        querystring: Type.Object({
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          starting_after: Type.Optional(Type.String()),
        }),
        response: responses({ 200: Type.Array(Profile) }, 400, 401, 403),
      },
    },
    async ({ auth, query }) => (await operations.listProfiles(parts, auth.account_id, query)).map(shown),
  )

  app.get(
    '/v1/admin/session/profiles/:profile_id',
    {
      config: read,
      schema: {
        operationId: 'admin_session_profiles_profile_id_get',
        tags,
        summary: 'Read a session profile',
        params: Name,
        response: responses({ 200: Profile }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => shown(await operations.readProfile(parts, auth.account_id, params.profile_id)),
  )

  app.put(
    '/v1/admin/session/profiles/:profile_id',
    {
      config: write,
      schema: {
        operationId: 'admin_session_profiles_profile_id_put',
        tags,
        summary: 'Replace a session profile',
        params: Name,
        body: ProfileIn,
        response: responses({ 200: Profile }, 400, 401, 403, 404),
      },
    },
    async ({ auth, params, body }) => {
      const { account_id } = auth
      throwRefusal(profileRefusal(body))
      return shown(await operations.updateProfile(parts, { account_id, name: params.profile_id, profile: body }))
    },
  )

  app.delete(
    '/v1/admin/session/profiles/:profile_id',
    {
      config: write,
      schema: {
        operationId: 'admin_session_profiles_profile_id_delete',
        tags,
        summary: 'Delete a session profile',
        params: Name,
        response: responses({ 200: Profile }, 401, 403, 404),
      },
    },
    async ({ auth, params }) => {
      const { account_id, subject: deleted_by } = auth
      return shown(await operations.removeProfile(parts, { account_id, name: params.profile_id, deleted_by }))
    },
  )

  app.get(
    '/v1/admin/checkout',
    {
      config: read,
      schema: {
        operationId: 'admin_checkout_get',
        tags,
        summary: 'Read the checkout configuration of the account',
        response: responses({ 200: AccountConfiguration }, 401, 403),
      },
    },
    async ({ auth }) => operations.readAccountConfiguration(parts, auth.account_id),
  )

  app.put(
    '/v1/admin/checkout',
    {
      config: admin,
      schema: {
        operationId: 'admin_checkout_put',
        tags,
        summary: 'Set which payment options the account offers, its name and logo',
        body: AccountConfigurationIn,
        response: responses({ 200: AccountConfiguration }, 400, 401, 403),
      },
    },
    async ({ auth, body }) => {
      const { account_id, subject: updated_by } = auth
      const { payment_options, merchant } = body.configuration
      throwRefusal(urlsRefusal([['/configuration/merchant/logo_url', merchant?.logo_url]]))
      const data = { configuration: { ...(payment_options ? { payment_options } : {}), ...(merchant ? { merchant } : {}) } }
      return operations.writeAccountConfiguration(parts, { account_id, updated_by, data })
    },
  )
}
