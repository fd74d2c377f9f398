import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** One request as a merchant's server got it. */
export type Received = {
  method: string
  path: string
  query: URLSearchParams
  headers: IncomingMessage['headers']
  body: string
  url: string
}
type Answer = (request: Received, response: ServerResponse, socket: Socket) => void

/** A merchant's server on a free port. It keeps what it got and answers as told: 200 unless `answer` says otherwise. */
export async function startReceiver(answer: Answer = (_request, response) => response.end('ok')) {
  const received: Received[] = []
  const waiting: { count: number; done: () => void }[] = []
  const state = { answer }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('error', () => {})
    request.on('end', () => {
      const url = new URL(request.url!, `http://${request.headers.host}`)
      const got: Received = {
        method: request.method!,
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
        url: url.href,
      }
      received.push(got)
      for (const { count, done } of waiting) if (received.length >= count) done()
      state.answer(got, response, request.socket)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    received,
    /** Changes how it answers from now on. */
    answer(next: Answer) {
      state.answer = next
    },
    /** Resolves when this many requests have come in all. */
    async arrived(count: number): Promise<Received[]> {
      if (received.length < count) await new Promise<void>((done) => waiting.push({ count, done }))
      return received
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>
