import type { Answer } from './client.ts'

/** One call of a walk; retries, keys and refusals are the caller's business. */
export type Call = (method: string, path: string, body?: unknown, options?: { public?: boolean; key?: string }) => Promise<Answer>

const enabled = { type: 'payment_product_type', enabled: true }
const configuration = { dintero_psp: { type: 'payment_type', creditcard: enabled }, vipps: enabled }

/** What a purchase is made of. Amounts are minor units; a refused step is part of the story. */
export type Story = {
  amount: number
  steps: readonly ({ kind: 'capture' | 'refund'; amount: number } | { kind: 'void' })[]
  simulate?: string
  card?: string
  callback_url?: string
  /** A second draft adds a line of this amount to the order. */
  extra?: number
}

/** What a walk has been told: everything in here was acknowledged with 2xx. */
export type Acknowledged = {
  order_id?: string
  session_id?: string
  transaction_id?: string
  /** Money moves answered 200 or 202, by the key they were sent with. */
  moves: { key: string; kind: string; amount: number; status: number }[]
  records: { kind: string; id: string; amount: number }[]
}

/**
 * One purchase through both services: draft, order, session, payment, and the money moves, each recorded on the order. `key` names the
 * walk: every call that changes something carries it in its `Idempotency-Key`.
 */
export async function walk(call: Call, account_id: string, key: string, story: Story, told: Acknowledged): Promise<void> {
  const shopping = `/v1/accounts/${account_id}/shopping`
  const { amount } = story
  const must = async (name: string, ...[method, path, body, options]: Parameters<Call>) => {
    const answer = await call(method, path, body, { key: `${key}-${name}`, ...options })
    if (answer.status >= 300) throw new Error(`${name}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body
  }
  const items = [{ id: 'chair', line_id: 1, quantity: 1, gross_amount: amount, tax_lines: [{ amount: 0, percentage: 0 }] }]
  const draft = await must('draft', 'POST', `${shopping}/draft_orders`, { order: { currency: 'NOK', items } })
  const completed = await must('complete', 'PUT', `${shopping}/draft_orders/${draft.id}/complete`)
  const order_id: string = completed.orders[0].order_id
  told.order_id = order_id
  if (story.extra !== undefined) {
    const more = {
      order: { currency: 'NOK', items: [{ line_id: 2, gross_amount: story.extra, tax_lines: [] }] },
      options: { order_id },
    }
    const added = await must('more', 'POST', `${shopping}/draft_orders`, more)
    await must('add', 'PUT', `${shopping}/draft_orders/${added.id}/complete`)
  }
  const session = await must('session', 'POST', '/v1/sessions', {
    url: {
      return_url: 'https://shop.example/return',
      callback_url: story.callback_url ?? 'https://shop.example/callback?report_error=true',
    },
    order: { amount, currency: 'NOK', merchant_reference: order_id, items: [{ id: 'chair', line_id: '1', quantity: 1, amount }] },
    configuration,
  })
  told.session_id = session.id
  const { card, simulate = 'approve' } = story
  const means = card ? { card: { number: card, expiry: '12/39', cvc: '123' } } : { simulate }
  const body = { payment_product_type: 'dintero_psp.creditcard', ...means }
  const paid = await call('POST', `/v1/sessions/${session.id}/pay`, body, { public: true })
  if (paid.status >= 500) throw new Error(`pay: ${paid.status}`)
  const { transaction_id } = await must('read', 'GET', `/v1/sessions/${session.id}`)
  if (!transaction_id) return
  told.transaction_id = transaction_id
  const record = async (kind: string, of: number, name: string) => {
    const path = `${shopping}/orders/${order_id}/${kind}s`
    const answer = await call('POST', path, { items: [{ line_id: 1, amount: of }], id: `${name}` }, { key: `${key}-${name}` })
    if (answer.status < 300) told.records.push({ kind, id: answer.body.id, amount: of })
    else if (answer.status >= 500) throw new Error(`${kind}: ${answer.status}`)
  }
  await record('authorization', amount, 'authorization')
  for (const [index, step] of story.steps.entries()) {
    const name = `${step.kind}-${index}`
    const moved = step.kind === 'void' ? 0 : step.amount
    const path = `/v1/transactions/${transaction_id}/${step.kind}`
    const answer = await call('POST', path, step.kind === 'void' ? {} : { amount: moved }, { key: `${key}-${name}` })
    if (answer.status >= 500) throw new Error(`${step.kind}: ${answer.status} ${JSON.stringify(answer.body)}`)
    if (answer.status >= 300) continue
    told.moves.push({ key: `${key}-${name}`, kind: step.kind, amount: moved, status: answer.status })
    if (step.kind !== 'void') await record(step.kind, moved, name)
  }
}

/** An empty list of what was acknowledged. */
export function nothing(): Acknowledged {
  return { moves: [], records: [] }
}
