import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startSimulator } from './simulator-gateway.ts'

let simulator: Awaited<ReturnType<typeof startSimulator>>
before(async () => {
  simulator = await startSimulator()
})
after(() => simulator.close())

const type = 'dintero_psp.creditcard'

// checkout-api §9.3, row by row: what the authorization answers first.
for (const [number, outcome, expected] of [
  ['4000 0000 0000 0002', 'succeeded', { eci: '05' }],
  ['5200 0000 0000 0007', 'succeeded', { eci: '02', brand: 'MasterCard' }],
  ['4000 1000 0000 0000', 'action_required', {}],
  ['5200 0000 0000 0015', 'action_required', {}],
  ['4000 2000 0000 0008', 'succeeded', { eci: '06', authentication_status: 'A' }],
  ['5200 0000 0000 0023', 'succeeded', { eci: '01', authentication_status: 'A' }],
  ['4000 3000 0000 0006', 'failed', { code: 'authentication_failed' }],
  ['5200 0000 0000 0031', 'failed', { code: 'authentication_failed' }],
  ['4100 0000 0000 0076', 'failed', { result_code: '1A' }],
  ['4100 0000 0000 0001', 'unknown', {}],
  ['5100 0000 0000 0008', 'unknown', {}],
  ['4154 2100 0000 0001', 'succeeded', { brand: 'Visa' }],
  ['5156 2300 0000 0004', 'succeeded', { brand: 'MasterCard' }],
] as const) {
  test(`card ${number}: ${outcome}`, async () => {
    const answer = await simulator.gateway.authorize(simulator.authorization(type, { payment: simulator.card(number) }))
    assert.equal(answer.outcome, outcome)
    const shown: Record<string, unknown> =
      answer.outcome === 'succeeded'
        ? { ...('card' in answer ? answer.card : {}) }
        : answer.outcome === 'failed'
          ? { ...answer.error }
          : {}
    for (const [name, value] of Object.entries(expected)) assert.equal(shown[name], value)
  })
}

for (const number of ['4100 0000 0000 0001', '5100 0000 0000 0008']) {
  test(`card ${number}: failed with ERROR when asked again after the authorization timed out`, async () => {
    const call = simulator.authorization(type, { payment: simulator.card(number) })
    await simulator.gateway.authorize(call)
    for (const answer of [await simulator.gateway.find(call), await simulator.gateway.authorize(call)]) {
      assert.ok(answer.outcome === 'failed')
      assert.deepEqual(answer.error.type, ['ERROR'])
      assert.equal(answer.reason, 'failed')
    }
  })
}

for (const [numbers, kind, automatic] of [
  [['4100 0000 0000 0019', '5100 0000 0000 0016'], 'capture', false],
  [['4100 0000 0000 0027', '5100 0000 0000 0024'], 'refund', false],
  [['4100 0000 0000 0035', '5100 0000 0000 0032'], 'capture', true],
  [['4100 0000 0000 0043', '5100 0000 0000 0040'], 'void', false],
] as const) {
  for (const number of numbers) {
    test(`card ${number}: the ${automatic ? 'auto-' : ''}${kind} times out, and turns out to be done`, async () => {
      const { gateway } = simulator
      const authorized = await simulator.paid(type, { payment: simulator.card(number) })
      if (kind === 'refund') assert.equal((await gateway.capture(simulator.next(authorized, 60_000))).outcome, 'succeeded')
      const call = { ...simulator.next(authorized, 60_000), automatic }
      assert.deepEqual(await gateway[kind](call), { outcome: 'unknown' })
      assert.equal((await gateway.find(call)).outcome, 'succeeded')
      assert.equal((await gateway[kind](call)).outcome, 'succeeded')
    })
  }
}

test('card 4100 0000 0000 0035: a capture by hand does not time out', async () => {
  const authorized = await simulator.paid(type, { payment: simulator.card('4100000000000035') })
  assert.equal((await simulator.gateway.capture(simulator.next(authorized, 60_000))).outcome, 'succeeded')
})

for (const number of ['4100 0000 0000 0050', '5100 0000 0000 0057']) {
  test(`card ${number}: paid without a token; a token session fails after a time-out`, async () => {
    const { gateway } = simulator
    const changes = { payment: simulator.card(number), generate_payment_token: true }
    const paid = await gateway.authorize(simulator.authorization(type, changes))
    assert.ok(paid.outcome === 'succeeded' && !('payment_token' in paid))
    const call = simulator.authorization(type, { ...changes, amount: 0, operation: 'generate_payment_token' })
    assert.deepEqual(await gateway.authorize(call), { outcome: 'unknown' })
    assert.equal((await gateway.find(call)).outcome, 'failed')
  })
}

for (const [what, number, changes, code] of [
  ['not a card number', '1234', {}, 'card_number_invalid'],
  ['a wrong check digit', '4000 0000 0000 0003', {}, 'card_number_invalid'],
  ['a good number that is no test card', '4539 1488 0343 6467', {}, 'card_unknown'],
  ['an expiry in the past', '4000 0000 0000 0002', { expiry: '02/26' }, 'card_expired'],
  ['an expiry that is none', '4000 0000 0000 0002', { expiry: '13/30' }, 'card_expiry_invalid'],
  ['a CVC of two digits', '4000 0000 0000 0002', { cvc: '12' }, 'card_cvc_invalid'],
] as const) {
  test(`card: refused with ${code} for ${what}`, async () => {
    const answer = await simulator.gateway.authorize(simulator.authorization(type, { payment: simulator.card(number, changes) }))
    assert.ok(answer.outcome === 'failed' && answer.reason === 'rejected')
    assert.equal(answer.error.code, code)
  })
}

test('card: works until the end of its month', async () => {
  const payment = simulator.card('4000000000000002', { expiry: '03/2026' })
  assert.equal((await simulator.gateway.authorize(simulator.authorization(type, { payment }))).outcome, 'succeeded')
})

for (const [name, result_code, error_type, retry] of [
  ['RC-51', '51', 'INSUFFICIENT_FUNDS', 'RETRY_AFTER_DELAY'],
  ['rc-43', '43', 'PICK_UP_CARD', 'DO_NOT_RETRY'],
  ['RC-ZZ', 'ZZ', 'DECLINED', 'RETRY_IMMEDIATELY'],
] as const) {
  test(`card: declined with ${result_code} when the cardholder's name is ${name}`, async () => {
    const payment = simulator.card('4000000000000002', { cardholder_name: name })
    const answer = await simulator.gateway.authorize(simulator.authorization(type, { payment }))
    assert.ok(answer.outcome === 'failed')
    assert.equal(answer.error.result_code, result_code)
    assert.ok(answer.error.type?.includes(error_type))
    assert.deepEqual(answer.error.retry_policy?.retry_codes, [retry])
  })
}

test('tokens: a stored card pays again without the customer, and keeps its habits', async () => {
  const { gateway } = simulator
  const first = await gateway.authorize(
    simulator.authorization('payex.creditcard', {
      payment: simulator.card('4100 0000 0000 0019'),
      generate_payment_token: true,
      generate_recurrence_token: true,
    }),
  )
  assert.ok(first.outcome === 'succeeded' && 'payment_token' in first && first.payment_token && first.recurrence_token)
  const { payment_token, recurrence_token } = first
  const merchantInitiated = { payment: {}, operation: 'unscheduled_purchase', payment_token } as const
  const again = await simulator.paid('payex.creditcard', merchantInitiated)
  assert.deepEqual(await gateway.capture(simulator.next(again, 100)), { outcome: 'unknown' })
  await simulator.paid('payex.creditcard', { payment: {}, operation: 'recurring_purchase', recurrence_token: recurrence_token! })
  const wrong = { payment: {}, operation: 'unscheduled_purchase', payment_token: recurrence_token! } as const
  const refused = await gateway.authorize(simulator.authorization('payex.creditcard', wrong))
  assert.ok(refused.outcome === 'failed' && refused.error.code === 'token_unknown' && refused.reason === 'failed')
  const without = await gateway.authorize(
    simulator.authorization('payex.creditcard', { payment: {}, operation: 'recurring_purchase' }),
  )
  assert.ok(without.outcome === 'failed' && without.error.code === 'token_required')
})

test('cards: no number is stored anywhere', async () => {
  const rows = await simulator.sql`
    select p::text || m::text as text from simulator.payments p join simulator.movements m on m.payment_id = p.id
    union all select t::text from simulator.tokens t`
  assert.ok(rows.length > 0)
  for (const { text } of rows) assert.doesNotMatch(text, /\b[45]\d{15}\b/)
})
