import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { createClient } from '../src/accounts/operations.ts'
import { type Answer, createTestAccount, fetchToken, send, type TestAccount, testScopes } from './client.ts'
import { differences } from './crash.ts'
import {
  type Call,
  legalOrder,
  type Model,
  newOrder,
  newPayment,
  type OrderCommand,
  orderModel,
  type PaymentCommand,
  paymentModel,
} from './model.ts'
import { startServer, type TestServer } from './server.ts'

/*
 * Several clients at once against a model of the contract: whatever the interleaving, the answers are those of some serial order.
 * MODEL_SEED draws the same commands again (the interleaving is the machine's), MODEL_RUNS sets how many sequences.
 */
const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))
const numRuns = Number(process.env.MODEL_RUNS ?? 30)
const account_id = 'T00000088'
const shopping = `/v1/accounts/${account_id}/shopping`
let server: TestServer
let shop: TestAccount
const tokens: string[] = []
before(async () => {
  server = await startServer({ work: false })
  shop = await createTestAccount(server, { account_id })
  for (let count = 0; count < 3; count += 1) {
    const client = await createClient(server, { account_id, scopes: testScopes })
    tokens.push((await fetchToken(server.url, { account_id, ...client })).body.access_token)
  }
})
after(() => server.close())

let now = 0
/** Runs rounds of commands, those of one round at once by different clients, and notes what came of each. */
async function play<Command>(
  rounds: readonly (readonly Command[])[],
  ask: (command: Command, token: string) => Promise<Pick<Call<Command>, 'outcome' | 'shows'>>,
): Promise<Call<Command>[]> {
  const calls: Call<Command>[] = []
  for (const round of rounds) {
    await Promise.all(
      round.map(async (command, index) => {
        const from = now++
        const answer = await ask(command, tokens[index % tokens.length]!)
        calls.push({ command, from, to: now++, ...answer })
      }),
    )
  }
  return calls
}

function assertLegal<State, Command>(model: Model<State, Command>, initial: State, calls: readonly Call<Command>[]): void {
  const told = calls.map((call) => JSON.stringify(call)).join('\n')
  assert.ok(legalOrder(model, initial, calls), `seed ${seed}: no serial order explains these answers:\n${told}`)
}

/** 2xx is ok; a refusal because of something under way is unsure; anything but a refusal is a fault. */
function outcomeOf({ status, body, headers }: Answer): Call<unknown>['outcome'] {
  if (status === 200) return 'ok'
  assert.ok([400, 404, 409].includes(status), `${status} ${JSON.stringify(body)}`)
  const codes = (body.error.errors as { code: string }[]).map(({ code }) => code)
  const busy = ['operation_pending', 'session_payment_in_progress', 'idempotency_key_in_flight', 'session_changed']
  return headers.has('retry-after') || codes.some((code) => busy.includes(code)) ? 'unsure' : 'refused'
}

const amount = fc.constantFrom(1, 100, 300, 400, 700, 1_000)
const record = fc.record(
  {
    do: fc.constantFrom('authorizations', 'authorizations', 'captures', 'captures', 'refunds', 'cancellations'),
    line: fc.constantFrom(0, 0, 1),
    amount,
    id: fc.constantFrom('first', 'second'),
  },
  { requiredKeys: ['do', 'line', 'amount'] },
)
const orderCommand: fc.Arbitrary<OrderCommand> = fc.oneof(
  { weight: 8, arbitrary: record },
  { weight: 2, arbitrary: fc.constant({ do: 'captures', line: 0, amount: 200, key: 'capture' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'authorizations', line: 1, amount: 300, key: 'authorize' } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('open', 'close', 'cancel', 'comment', 'read', 'read') }) },
)
const rounds = <T>(command: fc.Arbitrary<T>) =>
  fc.array(fc.array(command, { minLength: 1, maxLength: 5 }), { minLength: 2, maxLength: 6 })

test(`model: records of an order by several clients at once are those of a serial order, seed ${seed}`, async () => {
  const dues = [1_000, 300]
  const items = dues.map((gross_amount, index) => ({ id: 'a', line_id: index + 1, gross_amount, tax_lines: [] }))
  const run = async (played: OrderCommand[][]) => {
    const made = await shop.call('POST', `${shopping}/orders`, { order: { currency: 'NOK', items } })
    const path = `${shopping}/orders/${made.body.order_id}`
    const ask = async (command: OrderCommand, token: string) => {
      const answer = await askOrder(path, command, token)
      const outcome = outcomeOf(answer)
      const etag = answer.headers.get('etag')
      const shows = 'key' in command && command.key ? undefined : etag === null ? undefined : Number(etag.replaceAll('"', ''))
      return { outcome, shows }
    }
    const calls = await play<OrderCommand>([...played, [{ do: 'read' }]], ask)
    assert.ok(calls.at(-1)!.shows !== undefined, 'a read shows the version')
    assertLegal(orderModel, newOrder(dues), calls)
  }
  await fc.assert(fc.asyncProperty(rounds(orderCommand), run), { seed, numRuns, endOnFailure: true, includeErrorInReport: true })
})

function askOrder(path: string, command: OrderCommand, token: string): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` }
  if (command.do === 'read') return send(server.url, 'GET', path, { headers })
  if (command.do === 'comment') return send(server.url, 'POST', `${path}/comments`, { headers, body: { comment: 'c' } })
  if (!('amount' in command)) return send(server.url, 'POST', `${path}/${command.do}`, { headers })
  const { line, id, key } = command
  const body = { items: [{ line_id: line + 1, amount: command.amount }], ...(id ? { id } : {}) }
  return send(server.url, 'POST', `${path}/${command.do}`, { headers: key ? keyed(path, key) : headers, body })
}

/** A key belongs to one client. */
function keyed(path: string, key: string): Record<string, string> {
  return { authorization: `Bearer ${tokens[0]}`, 'idempotency-key': `${path} ${key}` }
}

const opening: fc.Arbitrary<PaymentCommand> = fc.record({ do: fc.constantFrom('pay', 'pay', 'pay', 'cancel') })
const move: fc.Arbitrary<PaymentCommand> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('capture', 'capture', 'refund'), amount }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'capture', amount: 250, key: 'capture' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'refund', amount: 50, key: 'refund' } as const) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('void', 'cancel', 'pay', 'read', 'read') }) },
)
const paid = 1_000
const enabled = { type: 'payment_product_type', enabled: true }
const configuration = { dintero_psp: { type: 'payment_type', creditcard: enabled }, vipps: enabled }

test(`model: a payment by several clients at once, customers too, is that of a serial order, seed ${seed}`, async () => {
  const run = async (product: string, opened: PaymentCommand[], moved: PaymentCommand[][]) => {
    const items = [{ id: 'a', line_id: '1', quantity: 1, amount: paid }]
    const order = { amount: paid, currency: 'NOK', merchant_reference: 'r', items }
    const made = await shop.call('POST', '/v1/sessions', {
      url: { return_url: 'https://shop.example/r' },
      order,
      configuration,
    })
    const session = `/v1/sessions/${made.body.id}`
    const first = await play(opened.length > 0 ? [opened] : [], askPayment(product, session, ''))
    const { transaction_id } = (await shop.call('GET', session)).body
    const path = `/v1/transactions/${transaction_id}`
    const rest = transaction_id === undefined ? [] : await play([...moved, [{ do: 'read' }]], askPayment(product, session, path))
    const calls = [...first, ...rest]
    assertLegal(paymentModel({ amount: paid, remainder: product === 'vipps' }), newPayment, calls)
    assert.ok(transaction_id !== undefined || !first.some(({ command, outcome }) => command.do === 'pay' && outcome === 'ok'))
  }
  const property = fc.asyncProperty(
    fc.constantFrom('dintero_psp.creditcard', 'vipps'),
    fc.array(opening, { minLength: 1, maxLength: 4 }),
    rounds(move),
    run,
  )
  await fc.assert(property, { seed, numRuns, endOnFailure: true, includeErrorInReport: true })
})

function askPayment(product: string, session: string, path: string) {
  return async (command: PaymentCommand, token: string) => {
    const headers = { authorization: `Bearer ${token}` }
    const ask = (): Promise<Answer> => {
      if (command.do === 'pay') {
        const body = { payment_product_type: product, simulate: 'approve' }
        return send(server.url, 'POST', `${session}/pay`, { body })
      }
      if (command.do === 'cancel') return send(server.url, 'POST', `${session}/cancel`, { headers })
      if (command.do === 'read') return send(server.url, 'GET', path, { headers })
      if (command.do === 'void') return send(server.url, 'POST', `${path}/void`, { headers, body: {} })
      const { key, ...body } = command as PaymentCommand & { amount: number; key?: string }
      return send(server.url, 'POST', `${path}/${command.do}`, { headers: key ? keyed(path, key) : headers, body })
    }
    const answer = await ask()
    const outcome = outcomeOf(answer)
    const compared = outcome === 'ok' && !['pay', 'cancel'].includes(command.do) && !('key' in command && command.key)
    return { outcome, shows: compared ? shownBy(answer.body) : undefined }
  }
}

type Moved = { event: string; success: boolean; amount?: number }

/** What an answer says of the transaction. */
function shownBy({ status, events }: { status: string; events: Moved[] }): unknown {
  const sum = (name: string) =>
    events.reduce((total, { event, success, amount = 0 }) => total + (event === name && success ? amount : 0), 0)
  return { status, captured: sum('CAPTURE'), refunded: sum('REFUND') }
}

test('model: afterwards everything stored agrees with its events', async () => {
  assert.deepEqual(await differences(server.sql), [])
})

test('model: the search finds the legal order, and refuses histories that have none', () => {
  const call = (command: PaymentCommand, from: number, to: number, more: Partial<Call<PaymentCommand>> = {}) =>
    ({ command, from, to, outcome: 'ok', ...more }) as const
  const model = paymentModel({ amount: 1_000, remainder: true })
  const pay = call({ do: 'pay' }, 0, 1)
  const six = { do: 'capture', amount: 600 } as const
  const legal = (...calls: Call<PaymentCommand>[]) => legalOrder(model, newPayment, [pay, ...calls]) !== undefined
  assert.ok(legal(call(six, 2, 5, { outcome: 'refused' }), call({ ...six, amount: 500 }, 3, 4)), 'the later one may come first')
  assert.ok(!legal(call(six, 2, 5), call(six, 3, 4)), 'both of 600 of 1000')
  assert.ok(!legal(call(six, 2, 3, { outcome: 'refused' })), 'refused without a reason')
  assert.ok(!legal(call(six, 2, 3, { outcome: 'unsure' })), 'nothing else was under way')
  const read = (captured: number) => ({ shows: { status: 'PARTIALLY_CAPTURED', captured, refunded: 0 } })
  assert.ok(legal(call(six, 2, 3), call({ do: 'read' }, 4, 5, read(600))))
  assert.ok(!legal(call(six, 2, 3), call({ do: 'read' }, 4, 5, read(0))), 'an old state is read')
})
