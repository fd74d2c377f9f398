import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import Type, { type Static } from 'typebox'
import type { Parts } from '../../app.ts'
import { FreeObject, responses } from '../../lib/schema.ts'
import { Seen, systemHeaders } from '../headers.ts'
import { SessionGone } from '../sessions/schemas.ts'
import { switchesToMerchant } from '../sessions/session.ts'
import { customerUrl, type Paid, pageUrl, pay, readPayment } from './operations.ts'

const tags = ['payments']
const open = { access: 'public' as const }

const PayBody = Type.Object(
  { payment_product_type: Type.String({ minLength: 1, maxLength: 64 }) },
  {
    title: 'SessionPay',
    additionalProperties: true,
    examples: [
      { payment_product_type: 'dintero_psp.creditcard', card: { number: '4000000000000002', expiry: '12/30', cvc: '123' } },
      { payment_product_type: 'vipps', phone_number: '+4740230256', simulate: 'approve' },
    ],
  },
)
const PayAnswer = Type.Object(
  {
    success: Type.Boolean(),
    actions: Type.Array(FreeObject),
    redirect_url: Type.Optional(Type.String()),
    poll_url: Type.Optional(Type.String()),
    approval_url: Type.Optional(Type.String({ description: 'Swish: opens the app, when the customer is on the phone.' })),
    qr_code: Type.Optional(Type.String({ description: 'Swish: the same as a QR code, a data URI.' })),
    error: Type.Optional(Type.String()),
    error_details: Type.Optional(FreeObject),
  },
  {
    title: 'SessionPayResult',
    examples: [
      {
        success: true,
        actions: [{ source: 'DINTERO_PSP', code: 'AUTHORIZED', type: 'success' }],
        redirect_url: 'https://shop.example/done?transaction_id=T12345678.5GD3ZZNzsXn5FpukqUxHWw&merchant_reference=ORD-1',
      },
      {
        success: false,
        actions: [{ source: 'DINTERO_PSP', code: 'REJECTED', type: 'error' }],
        error: 'Rejected',
        error_details: { message: 'Insufficient funds', type: ['INSUFFICIENT_FUNDS'] },
      },
    ],
  },
)
const poll = {
  redirect_url: Type.Optional(Type.String()),
  keep_polling: Type.Optional(Type.Boolean()),
  poll_url: Type.Optional(Type.String()),
}
const Ended = Type.Object(poll, {
  examples: [
    { redirect_url: 'https://shop.example/done?transaction_id=T12345678.5GD3ZZNzsXn5FpukqUxHWw&merchant_reference=ORD-1' },
  ],
})
const Waiting = Type.Object(poll, {
  examples: [
    {
      keep_polling: true,
      poll_url:
        'http://localhost:8080/v1/view/T12345678.5cyWnV68vzJ1kYjZPrKWWm/payments/0f8fad5b-d9cb-469f-a165-70867728950e/status',
    },
  ],
})

/** The customer's side of paying (checkout-api §3.10.6, §3.10.8): no credential, knowing the session's id is the capability. */
export const paymentRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  app.post<{ Params: { sid: string }; Body: Static<typeof PayBody>; Querystring: { language?: string | string[] } }>(
    '/v1/sessions/:sid/pay',
    {
      config: open,
      schema: {
        operationId: 'sessions_session_id_pay_post',
        tags,
        summary: 'The customer pays',
        headers: Seen,
        body: PayBody,
        response: responses({ 200: PayAnswer, 202: PayAnswer, 404: SessionGone }, 400, 409, 412),
      },
    },
    async (request, reply) => {
      const { params, body, headers, query } = request
      const paid = await pay(parts, {
        session_id: params.sid,
        payment: body,
        if_unmodified_since: headers['if-unmodified-since'],
        request_headers: systemHeaders(headers),
        language: [query.language].flat().at(-1),
      })
      if (paid.operation.state === 'unknown' || paid.operation.state === 'pending') reply.code(202)
      const answer = payAnswer(parts, paid)
      const scanned = answer.redirect_url && answer.poll_url && body.payment_product_type.endsWith('swish')
      return scanned ? { ...answer, ...(await approvalOf(answer.redirect_url!)) } : answer
    },
  )

  app.get<{ Params: { sid: string; operation_id: string } }>(
    '/v1/sessions/:sid/redirect/:operation_id',
    {
      config: open,
      schema: {
        operationId: 'sessions_session_id_redirect_get',
        tags,
        summary: 'The customer comes back from the provider',
        description: `302 to the merchant when the session has ended, to the page while it can still be paid. As \`payment_return_url\`,
by the merchant's app: 202 until the payment has ended.`,
        response: responses({ 202: Waiting, 302: Type.Null() }, 404),
      },
    },
    async ({ params, headers }, reply) => {
      const paid = await readPayment(parts, params.sid, params.operation_id)
      if (switchesToMerchant(paid.session.data, paid.operation.payment_product_type) && !isEnded(paid)) {
        reply.code(202)
        return { keep_polling: true, poll_url: pollUrl(parts, paid) }
      }
      return reply.redirect(isEmbedded(headers) ? pageUrl(parts, paid.session.id) : customerUrl(parts, paid), 302)
    },
  )

  // The second is the published one, of Swish alone (checkout-api §3.10.8).
  for (const [kind, id] of [
    ['payments', 'operation_id'],
    ['swish', 'payment_request_id'],
  ] as const) {
    app.get<{ Params: Record<string, string> }>(
      `/v1/view/:sid/${kind}/:${id}/status`,
      {
        config: open,
        schema: {
          operationId: `view_session_id_${kind}_status_get`,
          tags,
          summary: `Whether a payment ${kind === 'swish' ? 'with Swish' : 'in an app'} has ended`,
          response: responses({ 200: Ended, 202: Waiting }, 404),
        },
      },
      async ({ params }, reply) => {
        const paid = await readPayment(parts, params.sid!, params[id]!)
        if (isEnded(paid)) return { redirect_url: customerUrl(parts, paid) }
        reply.code(202)
        return { keep_polling: true, poll_url: pollUrl(parts, paid) }
      },
    )
  }
}

/** For the customer. What is held for review is decided later. */
const isEnded = ({ operation: { state } }: Paid) => state === 'succeeded' || state === 'failed' || state === 'held'

/**
 * In the merchant's frame, or in a window that his page opened, our page tells him how it ended: the merchant's own return page must
 * not open in there (clients §1.8). The page leaves the cookie in the window; frames of another site have none, but say what they are.
 */
function isEmbedded({ 'sec-fetch-dest': target, cookie = '' }: IncomingHttpHeaders): boolean {
  return target === 'iframe' || /(^|;\s*)kvitt_popout=1/.test(cookie)
}

/** Swish is approved in the phone's app: opened there, or scanned from another screen (checkout-api §3.10.6). */
async function approvalOf(url: string): Promise<{ approval_url: string; qr_code: string }> {
  const { default: QRCode } = await import('qrcode')
  return { approval_url: url, qr_code: await QRCode.toDataURL(url) }
}

function pollUrl({ config }: Parts, { session, operation }: Paid): string {
  return `${config.public_url}/v1/view/${session.id}/payments/${operation.id}/status`
}

/** What the page, or whoever pays through the API, needs to go on (docs/decisions/0051). */
function payAnswer(parts: Parts, paid: Paid): Static<typeof PayAnswer> {
  const { operation, session } = paid
  const { state, payment_product_type, outcome } = operation
  const source = payment_product_type.split('.')[0]!.toUpperCase()
  const action = (code: string, type: 'success' | 'error') => [{ source, code, type }]
  switch (state) {
    case 'succeeded':
      return { success: true, actions: action('AUTHORIZED', 'success'), redirect_url: customerUrl(parts, paid) }
    case 'held':
      return { success: true, actions: action('ON_HOLD', 'success'), redirect_url: customerUrl(parts, paid) }
    case 'action_required':
      return { success: true, actions: [], redirect_url: outcome?.redirect_url ?? '', poll_url: pollUrl(parts, paid) }
    case 'failed': {
      const cancelled = outcome?.reason === 'cancelled'
      const error =
        session.outcome === 'DECLINED'
          ? 'Declined'
          : session.outcome === 'FAILED'
            ? 'Failed'
            : cancelled
              ? 'Cancelled'
              : 'Rejected'
      return {
        success: false,
        actions: action(error.toUpperCase(), 'error'),
        error,
        ...(outcome?.error ? { error_details: { ...outcome.error } } : {}),
        ...(session.outcome ? { redirect_url: customerUrl(parts, paid) } : {}),
      }
    }
    default:
      return { success: true, actions: [], poll_url: pollUrl(parts, paid) }
  }
}
