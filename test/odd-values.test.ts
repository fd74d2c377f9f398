import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Answer, send } from './client.ts'
import { express, post, walk } from './sessions-shop.ts'
import { card, only, openWorld, type World } from './statuses/world.ts'

// Shops send members that no schema describes, and some of these we read. Each member of a rich request in turn becomes something
// that is no text and can not be made one, and something else that does not belong there; then all that comes of the request is asked
// for. A refusal is fine, a fault is not.
const no_text = { toString: 1, id: {} }
const odd = [null, 1e300, 'x', []]

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world.close())

const address = { first_name: 'Kari', country: 'NO', phone_number: '+4712345678' }
const shipping_option = {
  ...post,
  description: 'Til døra',
  delivery_method: 'pick_up',
  countries: ['NO'],
  pick_up_address: { business_name: 'Bokhandel', postal_place: 'Oslo', distance: 1.5 },
  time_slot: { starts_at: '2026-12-01T09:00:00Z', ends_at: '2026-12-01T11:00:00Z' },
  environmental_data: { description: 'Sykkel', co2e: { weight: 1, unit: 'g' } },
  fields: [{ id: 'door', value: '12' }],
}
const store = { id: 'oslo', name: 'Oslo', terminal_id: 't1', payout_destination_id: 'p1' }
const checkbox = {
  id: 'news',
  checked: true,
  label: 'Nyheter',
  required: false,
  link: { url: 'https://example.com', text: 'her' },
}
const session = {
  ...walk,
  profile_id: undefined,
  order: {
    ...walk.order,
    merchant_reference_2: 'second',
    shipping_option,
    store,
    shipping_address: address,
    billing_address: address,
    discount_codes: ['half'],
    gift_cards: [{ id: 'g1', card_no: '1', amount: 0 }],
    discount_lines: [
      { amount: 100, percentage: 1, discount_type: 'customer', discount_id: 'd', description: 'Rabatt', line_id: '9' },
    ],
  },
  customer: {
    customer_id: 'c1',
    first_name: 'Kari',
    last_name: 'Nordmann',
    email: 'kari@example.com',
    phone_number: '+4712345678',
    tokens: { [card]: { payment_token: 'none' } },
  },
  checkboxes: [checkbox],
  merchant: { name: 'Shop', platform_type: 'woo' },
  express: {
    ...express.express,
    shipping_options: [shipping_option, { ...post, id: 'b', line_id: 'b' }],
    discount_codes: { max_count: 1 },
  },
  metadata: { a: 'b' },
  configuration: {
    ...only(card),
    channel: 'ecommerce',
    auto_capture: false,
    countries: { preferred_country: 'NO', allow_countries: ['NO'], deny_countries: ['SE'] },
    allow_different_billing_shipping_address: 'b2c',
    default_customer_type: 'b2c',
    default_payment_type: card,
    payment_options: { display: 'x' },
    discounts: { x: 1 },
    publish: [{ type: 'sms', to: '+4712345678' }],
    theme: { color: '#fff' },
  },
}
const payment = {
  payment_product_type: card,
  simulate: 'approve',
  phone_number: '+4712345678',
  card: { number: '4000000000000002', expiry: '12/40', cvc: '123', cardholder_name: 'K' },
  checkboxes: [checkbox],
  use_saved_card: true,
  generate_payment_token: true,
}
const payout = {
  rule_id: 'r',
  rule_type: 't',
  destinations: [{ destination: 'd', payout_destination_id: 'e', amount: 1, percentage: 2 }],
}
const draft = {
  order: {
    currency: 'NOK',
    merchant_reference: 'm',
    customer: { id: 'c1', email: 'kari@example.com', phone_number: '+4712345678' },
    shipping_address: address,
    billing_address: address,
    store,
    metadata: { a: 'b' },
    shipping_option,
    itinerary: { departure: { address }, arrival: { address } },
    discount_codes: ['half'],
    items: [
      {
        ...{
          id: 'chair',
          line_id: 1,
          quantity: 1,
          gross_amount: 1000,
          net_amount: 1000,
          description: 'Stol',
          description_alias: 'S',
        },
        tax_lines: [{ amount: 0, percentage: 25 }],
        discount_lines: [{ amount: 10, percentage: 1, discount_type: 'customer', discount_id: 'd', description: 'Rabatt' }],
        manual_payout: payout,
        payout,
        store,
        external_id: 'x',
        status: 'new',
        groups: [{ id: 'g', name: 'G' }],
      },
    ],
  },
  options: { serial_order_number_suffix: 's', order_time_to_live: 100, payout },
}
const recorded = {
  amount: 1000,
  items: [{ line_id: 1, amount: 1000, quantity: 1, payout }],
  transaction: { id: 'T1' },
  success: true,
  created_by: 'c',
  metadata: { a: 'b' },
  reference: 'r',
}

/** Every place in a value, as a path. */
function paths(value: unknown, at: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...at]]
  const below = Object.entries(value).flatMap(([name, member]) => paths(member, [...at, name]))
  return at.length === 0 ? below : [[...at], ...below]
}

function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by
  const copy = structuredClone(value) as Record<string, unknown>
  copy[name] = replaced(copy[name], rest, by)
  return copy
}

/** Sends the request as it stands, which must do, then once for each place and odd value; `say` hears every answer. */
async function each(body: object, sent: (body: never, say: (answer: Answer) => Answer) => Promise<void>) {
  const faults: string[] = []
  const must = (answer: Answer) => {
    assert.ok(answer.status < 400, `as it stands: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }
  await sent(body as never, must)
  for (const [index, path] of paths(body).entries()) {
    for (const value of [no_text, odd[index % odd.length]]) {
      await sent(replaced(body, path, value) as never, (answer) => {
        if (answer.status >= 500)
          faults.push(`/${path.join('/')} ${JSON.stringify(value)}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 60)}`)
        return answer
      })
    }
  }
  assert.deepEqual(faults, [])
}

const page = (sid: string) => send(world.server.url, 'GET', `/?sid=${sid}`)
const shop = (method: string, path: string, body?: unknown) =>
  world.call(method, `/v1/accounts/${world.account_id}/shopping${path}`, body)

const nameOf = (body: { order_id?: string; orders?: { order_id: string }[] }) => body.order_id ?? body.orders![0]!.order_id

async function order(): Promise<string> {
  const { body } = await shop('POST', '/draft_orders', { order: draft.order })
  const answer = await shop('PUT', `/draft_orders/${body.id}/complete`)
  return nameOf(answer.body)
}

test('a session with an odd value anywhere: created, shown, paid and read, or refused', async () => {
  await each(session, async (body, say) => {
    const created = say(await world.call('POST', '/v1/sessions', body))
    if (created.status >= 300) return
    const { id } = created.body
    say(await page(id))
    say(await world.view('GET', `${id}/session`))
    say(await world.pay(id, card, payment))
    const { transaction_id } = say(await world.call('GET', `/v1/sessions/${id}`)).body
    if (transaction_id) say(await world.call('GET', `/v1/transactions/${transaction_id}?includes=session`))
  })
})

test('a change of a session with an odd value anywhere, by the shop and by the customer', async () => {
  const { profile_id: _, configuration, ...rest } = session
  const { shipping_options, ...asked } = session.express
  const made = { url: rest.url, order: rest.order, configuration, express: { ...asked, shipping_options } }
  const fresh = async () => (await world.must('POST', '/v1/sessions', made)).id as string
  let id = await fresh()
  await each(
    { order: { ...rest.order, shipping_option }, express: session.express, customer: rest.customer },
    async (body, say) => {
      say(await world.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, body))
      const answer = say(await world.view('GET', `${id}/session`))
      if (answer.status !== 200) id = await fresh()
    },
  )
  const places: [string, string, object][] = [
    ['PUT', 'session/order/addresses', { shipping_address: address, billing_address: address }],
    ['PUT', 'session/order/shipping_option', { line_id: 'b' }],
    ['PUT', 'session/order/shipping_address', address],
  ]
  for (const [method, path, body] of places) {
    await each(body, async (body, say) => {
      say(await world.view(method, `${id}/${path}`, body))
    })
  }
})

test('a payment with an odd value anywhere', async () => {
  await each(payment, async (body, say) => {
    const { id } = await world.must('POST', '/v1/sessions', {
      ...walk,
      profile_id: undefined,
      configuration: session.configuration,
      checkboxes: [checkbox],
    })
    say(await world.pay(id, card, body))
    say(await page(id))
  })
})

test('a capture and a refund of a transaction with an odd value anywhere', async () => {
  const items = [{ id: 'chair', line_id: '1', amount: 100, quantity: 1, vat_amount: 20, vat: 25, description: 'Stol', type: 'x' }]
  const body = { amount: 100, items, capture_reference: 'r', refund_reference: 'r', reason: 'x', metadata: { ext_a: 'b' } }
  for (const path of ['capture', 'refund', 'void']) {
    let id = ''
    const fresh = async () => {
      id = await world.paid(card)
      if (path === 'refund') await world.must('POST', `${id}/capture`, { amount: walk.order.amount })
    }
    await fresh()
    await each(body, async (body, say) => {
      const answer = say(await world.call('POST', `${id}/${path}`, body))
      if (answer.status < 300 || path === 'void') await fresh()
    })
  }
})

test('a profile with an odd value anywhere, and a session of it', async () => {
  const body = {
    name: 'P',
    configuration: session.configuration,
    merchant: session.merchant,
    express: session.express,
    checkboxes: [checkbox],
  }
  await each(body, async (body, say) => {
    const { status, body: profile } = say(await world.call('POST', '/v1/admin/session/profiles', body))
    if (status >= 300) return
    const created = say(await world.call('POST', '/v1/sessions-profile', { ...walk, profile_id: profile.id }))
    if (created.status < 300) say(await page(created.body.id))
  })
})

test('a draft with an odd value anywhere, and the order it becomes', async () => {
  await each(draft, async (body, say) => {
    const created = say(await shop('POST', '/draft_orders', body))
    if (created.status >= 300) return
    const { id } = created.body
    const completed = say(await shop('PUT', `/draft_orders/${id}/complete`))
    if (completed.status >= 300) return
    const made = nameOf(completed.body)
    say(
      await shop('POST', `/orders/${made}/sessions`, {
        profile_id: 'default',
        url: walk.url,
        items: [{ line_id: 1, amount: 1 }],
      }),
    )
    say(await shop('POST', `/orders/${made}/authorizations`, recorded))
    say(await shop('POST', `/orders/${made}/captures`, recorded))
    say(await shop('GET', `/orders/${made}?include_events=all`))
  })
  const csv = await fetch(`${world.server.url}/v1/accounts/${world.account_id}/shopping/orders`, {
    headers: { authorization: `Bearer ${world.token}`, accept: 'text/csv' },
  })
  assert.equal(csv.status, 200)
  await csv.text()
})

test('what is done to an order, with an odd value anywhere', async () => {
  const { currency: _, ...content } = draft.order
  const session_in = {
    profile_id: 'default',
    url: walk.url,
    items: [{ line_id: 1, amount: 1, splits: [{ payout_destination_id: 'p', amount: 1 }] }],
    express: session.express,
    fee_split: { destination: 'd', type: 'x' },
    metadata: { a: 'b' },
  }
  const places: [string, string, object][] = [
    [
      'PUT',
      '',
      { ...content, items: [{ line_id: 1, description: 'Ny', status: 'sent', external_id: 'y', groups: [{ id: 'g' }] }] },
    ],
    ['POST', '/cancel', { reason: 'customer', cancelled_reason: 'customer' }],
    ['POST', '/open', { reason: 'x' }],
    ['POST', '/close', { reason: 'x' }],
    ['POST', '/comments', { comment: 'Hei', text: 'Hei', metadata: { a: 'b' } }],
    ['POST', '/authorizations', recorded],
    ['POST', '/captures', recorded],
    ['POST', '/refunds', recorded],
    ['POST', '/cancellations', recorded],
    ['POST', '/sessions', session_in],
  ]
  for (const [method, path, body] of places) {
    const fresh = async () => {
      const name = await order()
      const before = { '/captures': 1, '/cancellations': 1, '/refunds': 2 }[path] ?? 0
      for (const step of ['authorizations', 'captures'].slice(0, before)) await shop('POST', `/orders/${name}/${step}`, recorded)
      return name
    }
    let id = await fresh()
    await each(body, async (body, say) => {
      const answer = say(await shop(method, `/orders/${id}${path}`, body))
      if (answer.status < 300 && path !== '/comments') id = await fresh()
    })
  }
})
