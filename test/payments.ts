import assert from 'node:assert/strict'
import { createMemories, type Parts } from '../src/app.ts'
import { authorizationUpdateRoutes } from '../src/checkout/authorization-updates/routes.ts'
import { merchantPaymentRoutes } from '../src/checkout/payments/merchant/routes.ts'
import { paymentRoutes } from '../src/checkout/payments/routes.ts'
import { type SessionData, sessionEvent } from '../src/checkout/sessions/session.ts'
import { insertSession } from '../src/checkout/sessions/store.ts'
import { transactionRoutes } from '../src/checkout/transactions/routes.ts'
import type {
  AuthorizeOutcome,
  Failed,
  FoundOutcome,
  Gateway,
  Gateways,
  OperationOutcome,
  PaymentProduct,
} from '../src/gateways/gateway.ts'
import { readConfig } from '../src/lib/config.ts'
import { createServer } from '../src/lib/http.ts'
import { honourIdempotencyKeys, joiningTransactions } from '../src/lib/idempotency.ts'
import { type Clock, systemIds } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { createMetrics } from '../src/lib/metrics.ts'
import { createOutbound } from '../src/notifications/outbound.ts'
import { cloneDatabase } from './database.ts'

export const account_id = 'T12345678'

/** A gateway whose answers a test writes down beforehand; without a script everything succeeds. */
export type FakeGateway = Gateway & {
  /** Answers of the next calls, in order; a function may throw, which counts as no answer. */
  script: (OperationOutcome | AuthorizeOutcome | FoundOutcome | (() => OperationOutcome | Promise<OperationOutcome>))[]
  calls: { method: string; call: Record<string, unknown> }[]
}

const product: PaymentProduct = {
  payment_product_type: 'dintero_psp.creditcard',
  direct_capture: false,
  partial_capture: true,
  partial_refund: true,
  void_remainder: true,
  may_hold: true,
  refund_later: false,
  authorization_update: ['extend', 'amount', 'pre_authorization', 'release_hold'],
  token_types: ['payment_token'],
  currencies: 'any',
}

export const succeeded = { outcome: 'succeeded', gateway_reference: 'ref-1' } as const
export const unknown = { outcome: 'unknown' } as const
export const failed: Failed = { outcome: 'failed', error: { message: 'Insufficient funds', type: ['INSUFFICIENT_FUNDS'] } }

function fakeGateway(): FakeGateway {
  const gateway = { script: [], calls: [] } as unknown as FakeGateway
  const next = async (method: string, call: object) => {
    gateway.calls.push({ method, call: call as Record<string, unknown> })
    const answer = gateway.script.shift() ?? succeeded
    return (typeof answer === 'function' ? await answer() : answer) as never
  }
  const types = [
    'dintero_psp.creditcard',
    'vipps',
    'swish.swish',
    'klarna.klarna',
    'dintero.external',
    'dintero.zero',
    'instabank.invoice',
  ]
  const updates: Record<string, PaymentProduct['authorization_update']> = {
    'dintero_psp.creditcard': ['pre_authorization'],
    'klarna.klarna': ['extend', 'amount'],
    'dintero.external': ['release_hold'],
  }
  return Object.assign(gateway, {
    name: 'fake',
    products: types.map((payment_product_type) => ({
      ...product,
      payment_product_type,
      direct_capture: payment_product_type === 'swish.swish',
      void_remainder: payment_product_type !== 'swish.swish',
      authorization_update: updates[payment_product_type] ?? [],
    })),
    authorize: (call: object) => next('authorize', call),
    capture: (call: object) => next('capture', call),
    refund: (call: object) => next('refund', call),
    void: (call: object) => next('void', call),
    updateAuthorization: (call: object) => next('updateAuthorization', call),
    find: (call: object) => next('find', call),
  })
}

/** The transactions API over HTTP with a fake gateway, a database of its own, and a clock that only a test moves. */
export async function startTransactions() {
  const database = await cloneDatabase()
  const gateway = fakeGateway()
  const time = { now: new Date('2026-11-23T10:00:00.000Z') }
  const clock: Clock = { now: () => new Date(time.now) }
  const gateways: Gateways = {
    find: (_, type) => (gateway.products.some(({ payment_product_type }) => payment_product_type === type) ? gateway : undefined),
    products: () => gateway.products,
  }
  const log = createLog(process.env.KVITT_LOG ?? 'fatal')
  const parts: Parts = {
    sql: joiningTransactions(database.sql),
    memory: createMemories(database.sql),
    config: readConfig({}),
    clock,
    ids: systemIds(clock),
    role: 'checkout',
    log,
    gateways,
    metrics: createMetrics(),
    outbound: createOutbound({ allow_loopback: true }),
    callMerchant: async () => ({ status: undefined, error: 'not in these tests' }),
  }
  const app = createServer({
    authenticate: async () => ({ account_id, subject: 'client-1', scopes: ['admin:checkout'] }),
    logger: undefined,
  })
  honourIdempotencyKeys(app, database.sql)
  await app.register(transactionRoutes, parts)
  await app.register(authorizationUpdateRoutes, parts)
  await app.register(merchantPaymentRoutes, parts)
  await app.register(paymentRoutes, parts)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  parts.config.public_url = url
  return {
    ...parts,
    gateway,
    url,
    pass: (seconds: number) => {
      time.now = new Date(time.now.getTime() + seconds * 1000)
    },
    async close() {
      // Nobody asks any more: it need not wait for those who might.
      app.server.closeAllConnections()
      await app.close()
      await database.drop()
    },
  }
}

export type TransactionsServer = Awaited<ReturnType<typeof startTransactions>>
export type Answer = { status: number; headers: Headers; body: Record<string, unknown> & { events: Record<string, unknown>[] } }

/** One call; the body is sent as given, as JSON text. */
export async function call(
  server: { url: string },
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const json = { 'content-type': 'application/json; charset=utf-8', 'dintero-system-name': 'woocommerce' }
  const response = await fetch(server.url + path, {
    method,
    headers: { ...(body === undefined ? {} : json), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
}

/** Inserts an authorized transaction, as if a customer had paid. */
export async function authorized(server: TransactionsServer, changes: Record<string, unknown> = {}): Promise<string> {
  const id = server.ids.short(account_id)
  const now = server.clock.now()
  const amount = (changes.amount as number | undefined) ?? 33_890
  const row = {
    account_id,
    id,
    session_id: server.ids.short(account_id),
    version: 1,
    event_count: 2,
    events_size: 0,
    hash: '\\x',
    status: 'AUTHORIZED',
    settlement_status: 'NOT_SETTLED',
    gateway: 'fake',
    payment_product_type: 'dintero_psp.creditcard',
    payment_operation: 'unscheduled_purchase',
    currency: 'NOK',
    amount,
    authorized: amount,
    captured: 0,
    refunded: 0,
    voided: 0,
    pending_capture: 0,
    pending_refund: 0,
    pending_void: 0,
    merchant_reference: 'ORD-1',
    channel: 'ecommerce',
    final_authorization: true,
    search_terms: [`${account_id}/${String(changes.merchant_reference ?? 'ORD-1').toLowerCase()}`],
    data: {
      items: [
        { id: 'chair-1', line_id: '1', description: 'Stol', quantity: 1, amount: 29_990, vat: 25 },
        { id: 'pickup', line_id: 'pickup', description: 'Pick up', quantity: 1, amount: 3_900, type: 'shipping' },
      ],
      url: { return_url: 'https://shop.example/done', callback_url: 'https://shop.example/cb' },
    },
    authorized_at: now,
    created_at: now,
    updated_at: now,
    ...changes,
  }
  const events = ['INITIALIZE', 'AUTHORIZE'].map((event, index) => ({
    account_id,
    transaction_id: id,
    sequence: index + 1,
    event,
    transaction_status: index === 0 ? 'INITIATED' : row.status,
    success: true,
    amount: index === 0 ? null : amount,
    request_id: server.ids.uuid(),
    data: {},
    created_at: now,
    hash: '\\x',
  }))
  const json = (value: unknown) => server.sql.json(value as never)
  await server.sql`insert into checkout.transactions select * from jsonb_populate_record(null::checkout.transactions, ${json(row)})`
  await server.sql`
    insert into checkout.transaction_events
    select * from jsonb_populate_recordset(null::checkout.transaction_events, ${json(events)})`
  return id
}

/** Asserts that `actual` has these members with these values; it may have others. */
export function has(actual: unknown, expected: Record<string, unknown>): void {
  const object = actual as Record<string, unknown>
  const picked = Object.fromEntries(Object.keys(expected).map((key) => [key, object[key]]))
  assert.deepEqual(picked, expected)
}

/** Inserts an open session, as if a merchant had created it. */
export async function openSession(server: TransactionsServer, changes: Partial<SessionData> = {}): Promise<string> {
  const id = server.ids.short(account_id)
  const now = server.clock.now()
  const enabled = { type: 'payment_product_type', enabled: true }
  await insertSession(
    server.sql,
    {
      account_id,
      id,
      profile_id: 'default',
      payment_operation: 'unscheduled_purchase',
      data: {
        url: { return_url: 'https://shop.example/done?gateway=x', callback_url: 'https://shop.example/cb?report_error=true' },
        order: {
          amount: 33_890,
          currency: 'NOK',
          merchant_reference: 'ORD-1',
          items: [{ id: 'chair-1', line_id: '1', description: 'Stol', quantity: 1, amount: 29_990, vat: 25 }],
          shipping_option: { id: 'pickup', line_id: 'pickup', amount: 3_900, operator: '', title: 'Pick up' },
        },
        configuration: {
          dintero_psp: { type: 'payment_type', creditcard: enabled },
          vipps: enabled,
          swish: { swish: enabled },
          klarna: { klarna: enabled },
        },
        metadata: { system_x_id: 'a', number_x: 1 },
        ...changes,
      },
      expires_at: new Date(now.getTime() + 86_400_000),
      created_at: now,
      created_by: 'client-1',
    },
    [sessionEvent('INITIATED', { id: server.ids.uuid(), request_id: server.ids.uuid(), at: now })],
  )
  return id
}
