/*
 * The whole walk of a shop: draft order -> order -> payment -> authorization -> capture -> refund, with plain fetch.
 * `npm run example` runs it against a running Kvitt; the two services may be one server or two.
 */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

export type Shop = {
  /** Where the orders service answers, such as http://localhost:8080. */
  orders: Service
  /** Where the checkout service answers; the same as `orders` when one server runs both. */
  checkout: Service
  print?: (line: string) => void
}
export type Service = { url: string; account_id: string; client_id: string; client_secret: string }

type Json = Record<string, unknown>
type Call = <T = Json>(method: string, path: string, body?: Json) => Promise<T>

const item = { id: '175938', quantity: 2, description: 'Stablestol for utendørsbruk' }
const amount = 39_800

/** Plays the walk and returns how order and transaction end. Throws with the server's answer when a call fails. */
export async function playShop({ orders, checkout, print = console.log }: Shop) {
  const callOrders = await connect(orders, print)
  const callCheckout = orders.url === checkout.url ? callOrders : await connect(checkout, print)
  const shopping = `/v1/accounts/${orders.account_id}/shopping`

  const draft = await callOrders<{ id: string }>('POST', `${shopping}/draft_orders`, {
    options: { generate_order_id: 'ALPHANUMERIC_9' },
    order: {
      currency: 'NOK',
      items: [
        {
          ...item,
          line_id: 1,
          gross_amount: amount,
          tax_lines: [{ amount: 7960, percentage: 25 }],
          description_alias: 'Stablestol',
        },
      ],
    },
  })
  const completed = await callOrders<{ orders: { order_id: string }[] }>(
    'PUT',
    `${shopping}/draft_orders/${draft.id}/complete`,
    {},
  )
  const { order_id } = completed.orders[0]!

  const session = await callCheckout<{ id: string; url: string }>('POST', '/v1/sessions-profile', {
    url: { return_url: 'https://example.com/accept', callback_url: 'https://example.com/callback' },
    order: {
      amount,
      currency: 'NOK',
      merchant_reference: order_id,
      items: [{ ...item, line_id: '1', amount, vat_amount: 7960, vat: 25 }],
    },
    profile_id: 'default',
  })
  print(`  the customer opens ${session.url} and pays with the test card 4000 0000 0000 0002`)
  await callCheckout('POST', `/v1/sessions/${session.id}/pay`, {
    payment_product_type: 'dintero_psp.creditcard',
    card: { number: '4000000000000002', expiry: '12/30', cvc: '123' },
  })

  const transaction_id = await transactionOf(callCheckout, session.id)
  await untilStatus(callCheckout, transaction_id, 'AUTHORIZED')
  const show = async () => {
    const order = await callOrders<{ payment_status: string }>('GET', `${shopping}/orders/${order_id}`)
    const transaction = await callCheckout<{ status: string }>('GET', `/v1/transactions/${transaction_id}`)
    print(`  order ${order_id}: ${order.payment_status.padEnd(18)} transaction: ${transaction.status}`)
    return { order_id, transaction_id, payment_status: order.payment_status, status: transaction.status }
  }
  await show()

  const record = { items: [{ amount, line_id: 1 }], payment_details: { payment_id: transaction_id }, success: true }
  const lines = [{ line_id: '1', amount }]
  await callOrders('POST', `${shopping}/orders/${order_id}/authorizations`, record)
  await show()
  await callCheckout('POST', `/v1/transactions/${transaction_id}/capture`, { amount, items: lines })
  await untilStatus(callCheckout, transaction_id, 'CAPTURED')
  await callOrders('POST', `${shopping}/orders/${order_id}/captures`, record)
  await show()
  await callCheckout('POST', `/v1/transactions/${transaction_id}/refund`, { amount, items: lines })
  await untilStatus(callCheckout, transaction_id, 'REFUNDED')
  await callOrders('POST', `${shopping}/orders/${order_id}/refunds`, record)
  return show()
}

/** Gets a token and returns a function that calls the service with it, prints each call, and throws on anything but 2xx. */
async function connect(service: Service, print: (line: string) => void): Promise<Call> {
  const basic = Buffer.from(`${service.client_id}:${service.client_secret}`).toString('base64')
  const token = await send<{ access_token: string }>(`Basic ${basic}`, 'POST', `/v1/accounts/${service.account_id}/auth/token`, {
    grant_type: 'client_credentials',
    audience: `https://api.dintero.com/v1/accounts/${service.account_id}`,
  })
  return (method, path, body) => send(`Bearer ${token.access_token}`, method, path, body)

  async function send<T>(authorization: string, method: string, path: string, body?: Json): Promise<T> {
    const response = await fetch(service.url + path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    const text = await response.text()
    print(`${method.padEnd(4)} ${path}  ${response.status}`)
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`)
    return JSON.parse(text) as T
  }
}

async function transactionOf(call: Call, session_id: string): Promise<string> {
  const read = () => call<{ transaction_id?: string }>('GET', `/v1/sessions/${session_id}`)
  const { transaction_id } = await until(read, (session) => session.transaction_id !== undefined)
  return transaction_id!
}

function untilStatus(call: Call, id: string, status: string): Promise<unknown> {
  return until(
    () => call<{ status: string }>('GET', `/v1/transactions/${id}`),
    (transaction) => transaction.status === status,
  )
}

/** Reads again every 200 ms until `done`; gives up after 15 s and says what it saw last. */
async function until<T>(read: () => Promise<T>, done: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = await read()
    if (done(value)) return value
    if (Date.now() > deadline) throw new Error(`Still waiting after 15 s: ${JSON.stringify(value).slice(0, 500)}`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** The credentials in the environment, or a new API client of the first account, made on this machine's data folder. */
async function credentials(url: string): Promise<Service> {
  const { KVITT_ACCOUNT_ID: account_id, KVITT_CLIENT_ID: client_id, KVITT_CLIENT_SECRET: client_secret } = process.env
  if (account_id && client_id && client_secret) return { url, account_id, client_id, client_secret }
  const kvitt = join(import.meta.dirname, '../bin/kvitt.mjs')
  const options = ['client', 'create', '--scopes', 'admin:checkout,admin:shopping', '--name', 'example']
  const account = account_id ? ['--account', account_id] : []
  const { stdout } = await promisify(execFile)(process.execPath, [kvitt, ...options, ...account]).catch(({ stderr, message }) => {
    throw new Error(String(stderr || message).trim())
  })
  return { url, ...(JSON.parse(stdout.slice(stdout.indexOf('{'))) as Omit<Service, 'url'>) }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const url = process.env.KVITT_URL ?? `http://localhost:${process.env.PORT ?? 8080}`
  try {
    // Asked before a client is made: that may be the wrong server's database.
    await fetch(`${url}/healthz`).catch(() => {
      throw new Error(
        `no Kvitt answers at ${url}. Start one, npm start, and set PORT to what it has, or KVITT_URL to its address.`,
      )
    })
    const service = await credentials(url)
    const result = await playShop({ orders: service, checkout: service })
    console.log(`\norder payment_status: ${result.payment_status}\ntransaction status: ${result.status}`)
    process.exitCode = result.payment_status === 'refunded' && result.status === 'REFUNDED' ? 0 : 1
  } catch (error) {
    console.error(`example: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
