import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError, type Refusal, refused } from '../../lib/errors.ts'
import { accountIn } from '../../lib/ids.ts'
import { responses } from '../../lib/schema.ts'
import { productsOfProfile } from '../profiles/operations.ts'
import { drawMarks, lookOf, namedMarks, productMarks } from './branding.ts'

const look = {
  variant: Type.String({ description: '`colors`, `mono` or `logomark`.' }),
  color: Type.String({ description: 'Hex without #, rgb() or rgba().' }),
  width: Type.String({ description: 'Pixels.' }),
  template: Type.String({ description: '`logos.svg` or `dintero_top_frame.svg`.' }),
}
type Look = { variant: string; color: string; width: string; template: string }
const tail = 'variant/:variant/color/:color/width/:width/:template'
const config = { access: 'public' } as const
const tags = ['branding']
const Svg = { description: 'The image.', content: { 'image/svg+xml': { schema: Type.String() } } } as never

/** Images of how one can pay, for shops to show; names in badges, no provider's logo (checkout-api §10.5). */
export const brandingRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  app.get(
    `/v1/branding/logos/:logos/${tail}`,
    {
      config,
      schema: {
        operationId: 'branding_logos_get',
        tags,
        summary: 'The named ways to pay, as an image',
        params: Type.Object({ logos: Type.String({ description: 'Separated by underscores: visa_vipps.' }), ...look }),
        response: responses({ 200: Svg }, 404),
      },
    },
    async ({ params }, reply) => sendMarks(reply, namedMarks(params.logos), params),
  )

  app.get(
    `/v1/branding/profiles/:profile_id/${tail}`,
    {
      config,
      schema: {
        operationId: 'branding_profiles_get',
        tags,
        summary: 'The ways to pay of a profile, as an image',
        params: Type.Object({ profile_id: Type.String({ description: 'The profile’s `id`.' }), ...look }),
        response: responses({ 200: Svg }, 404),
      },
    },
    async ({ params }, reply) => {
      const account_id = accountIn(params.profile_id)
      if (!account_id) throw new ApiError('profile_not_found', 'Name the profile by its `id`, which starts with the account.')
      return sendMarks(reply, await marksOfProfile(account_id, params.profile_id), params)
    },
  )

  app.get(
    `/v1/branding/accounts/:aid/profiles/:profile_id/${tail}`,
    {
      config,
      schema: {
        operationId: 'branding_accounts_profiles_get',
        tags,
        summary: 'The ways to pay of a profile, as an image',
        params: Type.Object({ aid: Type.String(), profile_id: Type.String(), ...look }),
        response: responses({ 200: Svg }, 404),
      },
    },
    async ({ params }, reply) => sendMarks(reply, await marksOfProfile(params.aid, params.profile_id), params),
  )

  async function marksOfProfile(account_id: string, name: string): Promise<string[]> {
    return productMarks(await productsOfProfile(parts, account_id, name))
  }
}

function sendMarks(reply: FastifyReply, marks: string[] | Refusal, path: Look) {
  const look = lookOf(path)
  if ('code' in marks) throw refused(marks)
  if ('code' in look) throw refused(look)
  return reply
    .type('image/svg+xml; charset=utf-8')
    .header('cache-control', 'public, max-age=3600')
    .header('content-security-policy', "default-src 'none'")
    .header('x-content-type-options', 'nosniff')
    .serializer((text: unknown) => String(text))
    .send(drawMarks(marks, look)) as never
}
