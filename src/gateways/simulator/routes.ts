import formbody from '@fastify/formbody'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import { limits } from '../../lib/limits.ts'
import { Amount, DateTime, FreeObject, responses, TextLike } from '../../lib/schema.ts'
import { faults, operations, Script } from './faults.ts'
import { createScript, decide, findOpen, readBook } from './operations.ts'
import { pageHeaders, paymentPage } from './page.ts'
import { type Decision, decisions } from './payment.ts'
import * as store from './store.ts'

const tags = ['simulator']
const scopes = ['admin:checkout']

const scriptExample = {
  seed: 'monday',
  rules: [{ when: { operation: 'capture' as const }, do: 'timeout_after' as const, after_s: 60 }],
}
const ScriptIn = Type.Object(Script.properties, { additionalProperties: false, examples: [scriptExample] })
const ScriptOut = Type.Object(
  {
    ...Script.properties,
    seed: Type.String({ description: 'The same seed and the same calls give the same faults.' }),
    counters: Type.Record(Type.String(), Type.Integer(), {
      description: 'How often each rule with `nth` was met, by its place in the list.',
    }),
  },
  { title: 'SimulatorScript', examples: [{ ...scriptExample, counters: {} }] },
)

const Totals = { authorized: Amount, captured: Amount, refunded: Amount, voided: Amount }
const BookOut = Type.Object(
  {
    movements: Type.Array(
      Type.Object({
        id: Type.String({ description: 'Give it as `starting_after` to read on.' }),
        kind: Type.Enum([...operations]),
        transaction_id: Type.String(),
        payment_id: Type.String(),
        merchant_reference: Type.Optional(Type.String()),
        payment_product_type: Type.Optional(Type.String()),
        idempotency_key: Type.String(),
        amount: Amount,
        released: Amount,
        currency: Type.String(),
        state: Type.String({
          description: 'What is true: waiting, held, late (not arrived yet), lost (never arrived), succeeded, failed.',
        }),
        answered: Type.String({ description: 'What the caller was told first.' }),
        known_at: Type.Optional(DateTime),
        calls: Type.Integer({ description: 'How often it was asked for with this key.' }),
        error: Type.Optional(FreeObject),
        created_at: DateTime,
        settled_at: Type.Optional(DateTime),
      }),
    ),
    payments: Type.Array(
      Type.Object({
        id: Type.String(),
        transaction_id: Type.String(),
        session_id: Type.String(),
        merchant_reference: Type.Optional(Type.String()),
        payment_product_type: Type.String(),
        state: Type.String(),
        is_final: Type.Boolean({ description: 'A pre-authorization is not, until it is finalised.' }),
        habit: Type.Optional(Type.String({ description: 'What the card makes go wrong.' })),
        masked_pan: Type.Optional(Type.String()),
        currency: Type.String(),
        amount: Amount,
        ...Totals,
      }),
    ),
  },
  {
    title: 'SimulatorBook',
    examples: [
      {
        movements: [
          {
            id: '17',
            kind: 'capture' as const,
            transaction_id: 'T12345678.5GD3ZZNzsXn5FpukqUxHWw',
            payment_id: '6a1f9f0e-51de-4c5a-b1cb-0a8f4d1f7e55',
            merchant_reference: 'ORD-1',
            idempotency_key: '0f8fad5b-d9cb-469f-a165-70867728950e',
            amount: 29990,
            released: 0,
            currency: 'NOK',
            state: 'succeeded',
            answered: 'unknown',
            calls: 2,
            created_at: '2026-11-23T10:05:00.000Z',
          },
        ],
        payments: [
          {
            id: '6a1f9f0e-51de-4c5a-b1cb-0a8f4d1f7e55',
            transaction_id: 'T12345678.5GD3ZZNzsXn5FpukqUxHWw',
            session_id: 'T12345678.5cyWnV68vzJ1kYjZPrKWWm',
            merchant_reference: 'ORD-1',
            payment_product_type: 'dintero_psp.creditcard',
            state: 'authorized',
            is_final: true,
            currency: 'NOK',
            amount: 33890,
            authorized: 33890,
            captured: 29990,
            refunded: 0,
            voided: 0,
          },
        ],
      },
    ],
  },
)

const Params = Type.Object({ account_id: Type.String(), payment_id: Type.String() })

/** The pretend page, and what tests ask of the simulator: scripts and the book. All of it is ours; test accounts only. */
export const simulatorRoutes: FastifyPluginAsync<Parts> = async (app, parts) => {
  await app.register(formbody)

  app.get(
    '/simulator/:account_id/:payment_id',
    { config: { access: 'public' }, schema: { hide: true, params: Params } },
    async (request, reply) => {
      const { account_id, payment_id } = request.params as { account_id: string; payment_id: string }
      const found = await findOpen(parts, account_id, payment_id)
      if (!found) throw new ApiError('not_found', 'There is no such payment.')
      reply.headers(pageHeaders)
      return reply.serializer(String).send(paymentPage(found.payment, found.movement))
    },
  )

  app.post(
    '/simulator/:account_id/:payment_id',
    {
      config: { access: 'public', idempotency: 'none' },
      schema: { hide: true, params: Params, body: Type.Object({ decision: Type.Enum([...decisions]) }) },
    },
    async (request, reply) => {
      const { decision } = request.body as { decision: Decision }
      const movement = await decide(parts, { ...(request.params as { account_id: string; payment_id: string }), decision })
      if (!movement) throw new ApiError('not_found', 'There is no such payment.')
      return reply.redirect(movement.detail.return_url ?? request.url, 303)
    },
  )

  app.put(
    '/v1/simulator/script',
    {
      config: { scopes },
      schema: {
        operationId: 'simulator_script_put',
        tags,
        summary: 'Say what is to go wrong on this test account',
        description: Object.entries(faults)
          .map(([name, meaning]) => `- \`${name}\`: ${meaning}`)
          .join('\n'),
        body: ScriptIn,
        response: responses({ 200: ScriptOut }, 400, 401, 403),
      },
    },
    async (request) => createScript(parts, testAccount(request), request.body as Script),
  )

  app.get(
    '/v1/simulator/script',
    {
      config: { scopes },
      schema: {
        operationId: 'simulator_script_get',
        tags,
        summary: 'The script of this test account, with its seed',
        response: responses({ 200: ScriptOut }, 401, 403, 404),
      },
    },
    async (request) => {
      const found = await store.findScript(parts.sql, testAccount(request))
      if (!found) throw new ApiError('not_found', 'This account has no script: everything goes as it should.')
      return { ...found.script, counters: found.counters }
    },
  )

  app.delete(
    '/v1/simulator/script',
    {
      config: { scopes },
      schema: {
        operationId: 'simulator_script_delete',
        tags,
        summary: 'Let everything go as it should again',
        response: responses({ 200: ScriptOut }, 401, 403, 404),
      },
    },
    async (request) => {
      const found = await store.deleteScript(parts.sql, testAccount(request))
      if (!found) throw new ApiError('not_found', 'This account has no script.')
      return { ...found.script, counters: found.counters }
    },
  )

  app.get(
    '/v1/simulator/book',
    {
      config: { scopes },
      schema: {
        operationId: 'simulator_book_get',
        tags,
        summary: 'What really happened: every authorization, capture, refund and void the simulator was asked for, oldest first',
        querystring: Type.Object({
          transaction_id: Type.Optional(Type.String()),
          merchant_reference: Type.Optional(Type.String()),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max, default: limits.page_size_max })),
          starting_after: Type.Optional(TextLike('^\\d{1,15}$', 'the id of a movement: digits')),
        }),
        response: responses({ 200: BookOut }, 400, 401, 403),
      },
    },
    async (request) => readBook(parts, testAccount(request), request.query as store.BookQuery),
  )
}

/** The simulator is for test accounts; on a production account it must not even look as if it were there. */
function testAccount({ auth }: FastifyRequest): string {
  if (auth.account_id.startsWith('T')) return auth.account_id
  throw new ApiError(
    'simulator_test_accounts_only',
    `${auth.account_id} is a production account; the simulator serves test accounts only.`,
  )
}
