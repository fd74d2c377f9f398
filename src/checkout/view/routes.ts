import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { FreeObject, responses } from '../../lib/schema.ts'
import { Seen } from '../headers.ts'
import { Address } from '../sessions/order.ts'
import { SessionGone, SessionView as View } from '../sessions/schemas.ts'
import { AddressesIn, CodesIn, OptionIn } from './express.ts'
import * as operations from './operations.ts'

const tags = ['customer side']
const open = { config: { access: 'public' } } as const
const Sid = Type.Object({ sid: Type.String() })
const PayLock = Type.Object(
  { pay_lock: Type.Object({ pay_lock_id: Type.String() }) },
  { examples: [{ pay_lock: { pay_lock_id: '0f8fad5b-d9cb-469f-a165-70867728950e' } }] },
)
const Operations = Type.Object(
  { operations: Type.Array(FreeObject) },
  {
    examples: [
      {
        operations: [
          {
            rel: 'pay-vipps',
            method: 'POST',
            href: 'http://localhost:8080/v1/sessions/T12345678.5cyWnV68vzJ1kYjZPrKWWm/pay',
            content_type: 'application/json',
          },
        ],
      },
    ],
  },
)
const AskedInPage = Type.Object({
  client_side_address_callback: Type.Optional(Type.Boolean({ description: 'The page has asked the merchant’s site already.' })),
})

/** The customer behind a request. The page's own server passes on the address and browser that it was called from. */
function customerOf(request: FastifyRequest<{ Params: { sid: string } }>): operations.Customer {
  const { headers, ip, id: request_id, params } = request
  return {
    sid: params.sid,
    ip,
    user_agent: headers['user-agent']?.slice(0, 1000),
    request_id,
    unmodified_since: headers['if-unmodified-since'],
  }
}

/** What the page calls; no credential, knowing the session's id is the capability (checkout-api §3.10). */
export const viewRoutes: FastifyPluginAsyncTypebox<Parts> = async (app, parts) => {
  // Sessions change while the customer looks at them, and hold addresses.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  app.get(
    '/v1/view/:sid/session',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_get',
        tags,
        summary: 'The session for the page; 404 with a cause when it is over',
        params: Sid,
        response: responses({ 200: View, 404: SessionGone }),
      },
    },
    async (request) => operations.viewSession(parts, customerOf(request)) as never,
  )

  app.post(
    '/v1/view/:sid/session/lock',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_lock_post',
        tags,
        summary: 'Lock the session while the shop changes it',
        params: Sid,
        response: responses({ 200: PayLock, 404: SessionGone }, 412),
      },
    },
    async (request) => ({ pay_lock: { pay_lock_id: await operations.lockSession(parts, customerOf(request)) } }),
  )

  app.put(
    '/v1/view/:sid/session/order/addresses',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_order_addresses_put',
        tags,
        summary: 'Set the addresses of an express session',
        headers: Seen,
        params: Sid,
        querystring: AskedInPage,
        body: AddressesIn,
        response: responses({ 200: View, 404: SessionGone }, 400, 409, 412),
      },
    },
    async (request) => {
      const asked_in_page = request.query.client_side_address_callback === true
      return operations.setAddresses(parts, customerOf(request), request.body, { asked_in_page }) as never
    },
  )

  app.put(
    '/v1/view/:sid/session/order/shipping_address',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_order_shipping_address_put',
        tags,
        summary: 'Set the shipping address of an express session',
        headers: Seen,
        params: Sid,
        querystring: AskedInPage,
        body: Address,
        response: responses({ 200: View, 404: SessionGone }, 400, 409, 412),
      },
    },
    async (request) => {
      const asked_in_page = request.query.client_side_address_callback === true
      const addresses = { shipping_address: request.body }
      return operations.setAddresses(parts, customerOf(request), addresses, { asked_in_page }) as never
    },
  )

  app.put(
    '/v1/view/:sid/session/order/shipping_option',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_order_shipping_option_put',
        tags,
        summary: 'Choose one of the shipping options offered',
        headers: Seen,
        params: Sid,
        body: OptionIn,
        response: responses({ 200: View, 404: SessionGone }, 400, 412),
      },
    },
    async (request) => operations.setShippingOption(parts, customerOf(request), String(request.body.line_id)) as never,
  )

  app.put(
    '/v1/view/:sid/session/order/discount_codes',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_order_discount_codes_put',
        tags,
        summary: 'Try discount codes; 204 when no discount came of them',
        headers: Seen,
        params: Sid,
        body: CodesIn,
        response: responses({ 200: View, 204: Type.Null(), 404: SessionGone }, 400, 409, 412),
      },
    },
    async (request, reply) => {
      const session = await operations.setDiscountCodes(parts, customerOf(request), request.body.discount_codes)
      return session ? (session as never) : reply.code(204).send(undefined as never)
    },
  )

  app.post(
    '/v1/view/:sid/session/abandon',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_session_abandon_post',
        tags,
        summary: 'The customer gives up: cancel, and go back to the shop',
        params: Sid,
        response: responses({ 302: Type.Null(), 404: SessionGone }),
      },
    },
    async (request, reply) => reply.redirect(await operations.abandonSession(parts, customerOf(request)), 302),
  )

  app.post(
    '/v1/view/:sid/payments/:payment_product_type',
    {
      ...open,
      schema: {
        operationId: 'view_session_sid_payments_payment_product_type_post',
        tags,
        summary: 'How to pay with this product',
        params: Type.Object({ sid: Type.String(), payment_product_type: Type.String() }),
        response: responses({ 200: Operations, 404: SessionGone }, 400),
      },
    },
    async (request) => {
      const { payment_product_type } = request.params
      return { operations: await operations.paymentOperations(parts, customerOf(request), payment_product_type) }
    },
  )
}
