import { Connection, type Request } from '../client.ts'
import type { Target } from '../scenarios.ts'

/** One walk that was really made: which ids its rows carry, and the second in which all of it happened. */
export type Template = { old: Record<string, string>; second: string; weight: number }

type Step = 'authorize' | 'capture' | 'refund' | 'void'
/** What happens to an order and its payment, and how many of a hundred walks are like that. */
type Kind = { steps: Step[]; share?: number; weight: number; refused?: boolean; token?: boolean }

const kinds: Kind[] = [
  { steps: ['authorize'], weight: 12 },
  { steps: ['authorize', 'capture'], weight: 58 },
  { steps: ['authorize', 'capture'], share: 0.5, weight: 5 },
  { steps: ['authorize', 'capture', 'refund'], weight: 9 },
  { steps: ['authorize', 'capture', 'refund'], share: 0.5, weight: 4 },
  { steps: ['authorize', 'void'], weight: 4 },
  { steps: ['authorize', 'capture'], token: true, weight: 4 },
  // Refused by the bank.
  { steps: [], weight: 4, refused: true },
]
const amount = 39_800

/** Makes `each` walks of every kind over HTTP. A walk that touches two seconds is made again: its times are moved by seconds. */
export async function makeTemplates(target: Target, each: number, callback_url: string): Promise<Template[]> {
  const connection = new Connection(new URL(target.url))
  const templates: Template[] = []
  for (const kind of kinds) {
    for (let n = 0; n < each; ) {
      const template = await makeWalk(target, connection, kind, templates.length * 100 + n, callback_url)
      if (!template) continue
      templates.push({ ...template, weight: kind.weight / each })
      n += 1
    }
  }
  connection.close()
  return templates
}

async function makeWalk(
  target: Target,
  connection: Connection,
  kind: Kind,
  number: number,
  callback_url: string,
): Promise<Omit<Template, 'weight'> | undefined> {
  // Well into a second there is no time left for all of the walk.
  await new Promise((resolve) => setTimeout(resolve, 1_005 - (Date.now() % 1_000)))
  const second = new Date().toISOString().slice(0, 19)
  const call = async <T>(method: string, path: string, body?: unknown, refused = false): Promise<T> => {
    const request: Request = { method, path, token: target.token, ...(body ? { body: JSON.stringify(body) } : {}) }
    const answer = await connection.send(request)
    if (answer.status >= 300 && !refused)
      throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body.slice(0, 300)}`)
    return (answer.body ? JSON.parse(answer.body) : undefined) as T
  }
  const names = namesOf(number)
  const shopping = `/v1/accounts/${target.account_id}/shopping`
  const draft = await call<{ id: string }>('POST', `${shopping}/draft_orders`, draftBody(names))
  type Order = { id: string; order_id: string }
  const { orders } = await call<{ orders: Order[] }>('PUT', `${shopping}/draft_orders/${draft.id}/complete`, {})
  const { id: order_uuid, order_id } = orders[0]!
  const session = await call<{ id: string }>('POST', '/v1/sessions-profile', sessionBody(order_id, names, kind, callback_url))
  const card = { number: '4000000000000002', expiry: '12/30', cvc: '123', ...(kind.refused ? { cardholder_name: 'RC-51' } : {}) }
  await call('POST', `/v1/sessions/${session.id}/pay`, { payment_product_type: 'dintero_psp.creditcard', card }, kind.refused)
  const { transaction_id: transaction } = await call<{ transaction_id: string }>('GET', `/v1/sessions/${session.id}`)
  const moved = Math.round(amount * (kind.share ?? 1))
  for (const step of kind.steps) {
    const record = { items: [{ amount: step === 'authorize' ? amount : moved, line_id: 1 }], success: true }
    const details = { ...record, payment_details: { payment_id: transaction } }
    const money = { amount: moved, items: [{ line_id: '1', amount: moved }] }
    if (step === 'authorize') await call('POST', `${shopping}/orders/${order_id}/authorizations`, details)
    else if (step === 'void') {
      await call('POST', `/v1/transactions/${transaction}/void`, {})
      await call('POST', `${shopping}/orders/${order_id}/cancellations`, { ...record, items: [{ amount, line_id: 1 }] })
    } else {
      await call('POST', `/v1/transactions/${transaction}/${step}`, money)
      await call('POST', `${shopping}/orders/${order_id}/${step}s`, details)
    }
  }
  if (new Date().toISOString().slice(0, 19) !== second) return undefined
  return { old: { draft: draft.id, order_uuid, order_id, session: session.id, transaction, ...names }, second }
}

/** Names that stand in no other walk, so that they can be found in its rows and exchanged. */
function namesOf(number: number) {
  const digits = String(number).padStart(5, '0')
  return {
    customer: `kunde-${digits}`,
    store: `butikk-${digits}`,
    terminal: `kasse-${digits}`,
    reference_2: `faktura-${digits}`,
    external_id: `ekstern-${digits}`,
    surname: `Nordmann${digits}`,
    email: `kari${digits}@example.com`,
    phone: `+47900${digits}`,
    payout: `utbetaling-${digits}`,
  }
}
export type Names = ReturnType<typeof namesOf>

function draftBody({ customer, store, external_id, reference_2, surname }: Names) {
  return {
    options: { generate_order_id: 'ALPHANUMERIC_9' },
    order: {
      currency: 'NOK',
      merchant_reference: reference_2,
      external_ids: [{ source: 'shop', id: external_id }],
      customer: { id: customer, first_name: 'Kari', last_name: surname },
      store: { id: store, name: 'Storgata' },
      items: [
        {
          id: '175938',
          line_id: 1,
          quantity: 2,
          gross_amount: amount,
          tax_lines: [{ amount: 7960, percentage: 25 }],
          description: 'Stablestol for utendørsbruk',
          description_alias: 'Stablestol',
        },
      ],
    },
  }
}

function sessionBody(order_id: string, names: Names, kind: Kind, callback_url: string) {
  const { customer, store, terminal, reference_2, surname, email, phone, payout } = names
  const address = {
    first_name: 'Kari',
    last_name: surname,
    address_line: 'Storgata 1',
    postal_code: '0155',
    postal_place: 'Oslo',
    country: 'NO',
  }
  return {
    url: { return_url: 'https://example.com/accept', callback_url },
    order: {
      amount,
      currency: 'NOK',
      merchant_reference: order_id,
      merchant_reference_2: reference_2,
      store: { id: store, terminal_id: terminal },
      billing_address: { ...address, email, phone_number: phone },
      items: [
        {
          id: '175938',
          line_id: '1',
          description: 'Stablestol for utendørsbruk',
          quantity: 2,
          amount,
          vat_amount: 7960,
          vat: 25,
        },
      ],
    },
    customer: { customer_id: customer, email, phone_number: phone },
    metadata: { payout_correlation_id: payout },
    profile_id: 'default',
    ...(kind.token ? { configuration: { dintero_psp: { creditcard: { enabled: true, generate_payment_token: true } } } } : {}),
  }
}
