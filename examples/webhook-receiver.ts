// Receives webhooks and session callbacks and verifies their signatures. Run it, then subscribe its URL:
//
//   WEBHOOK_SECRET=… SIGNATURE_SECRET=… ACCOUNT_ID=T12345678 node --import tsx examples/webhook-receiver.ts
//
// WEBHOOK_SECRET is `config.secret` of the subscription, SIGNATURE_SECRET is `signature.secret` in the answer of POST /v1/admin/signature.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'

const { WEBHOOK_SECRET = '', SIGNATURE_SECRET = '', ACCOUNT_ID = '', PORT = '3000' } = process.env
const tolerance_s = 300

function equal(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}

function recent(seconds: number): boolean {
  return Math.abs(Date.now() / 1_000 - seconds) <= tolerance_s
}

/** A webhook: HMAC-SHA1 over the body, and HMAC-SHA256 over id, time and body. Check the second: it can't be replayed later. */
function verifyWebhook(headers: IncomingHttpHeaders, body: string): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'kvitt-signature': ours, 'event-signature': published } = headers
  const sha1 = createHmac('sha1', WEBHOOK_SECRET).update(body).digest('hex')
  const key = WEBHOOK_SECRET.startsWith('whsec_') ? Buffer.from(WEBHOOK_SECRET.slice(6), 'base64') : WEBHOOK_SECRET
  const sha256 = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')
  return equal(String(published), sha1) && equal(String(ours), `v1,${sha256}`) && recent(Number(at))
}

/** A session callback: HMAC-SHA256 over the URL. The body, if there is one, is not covered: read the transaction by its id. */
function verifyCallback(method: string, url: URL, header: string): boolean {
  const [, at, signature] = /^t=(\d+),v0-hmac-sha256=([0-9a-f]{64})$/.exec(header) ?? []
  if (!at || !signature) return false
  const query = new URLSearchParams(url.search)
  query.sort()
  const signed = [at, ACCOUNT_ID, method, url.hostname, url.pathname, query].join('\n')
  return equal(signature, createHmac('sha256', SIGNATURE_SECRET).update(signed).digest('hex')) && recent(Number(at))
}

/** Deliveries repeat. A shop keeps these in its database, with the change that they led to. */
const handled = new Set<string>()

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8')
    const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
    const { event, 'event-delivery': delivery, 'dintero-signature': signature } = request.headers
    const good = event ? verifyWebhook(request.headers, body) : verifyCallback(request.method ?? '', url, String(signature))
    if (!good) {
      console.log(`refused: ${request.method} ${url.pathname}`)
      response.writeHead(401).end()
      return
    }
    const first = !handled.has(String(delivery))
    handled.add(String(delivery))
    console.log(`${first ? 'new' : 'again'}: ${event ?? 'session callback'} ${delivery} ${event ? body : url.search}`)
    response.writeHead(200).end()
  })
})
server.listen(Number(PORT), () => {
  const address = server.address()
  console.log(`receiving on http://localhost:${typeof address === 'object' ? address?.port : PORT}`)
})
