import { connect, type Socket } from 'node:net'

/** One answer, and how long it took from when the request was meant to be sent. */
export type Answer = { status: number; body: string }
export type Request = { method: string; path: string; body?: string; token?: string }

/**
 * One keep-alive HTTP/1.1 connection. Much cheaper than fetch, because the generator shares the machine with what it measures;
 * it understands no more than our server sends (content-length, no chunks).
 */
export class Connection {
  #socket: Socket
  #buffer: Buffer = Buffer.alloc(0)
  #waiting: { resolve: (answer: Answer) => void; reject: (error: Error) => void } | undefined
  #host: string

  constructor(url: URL) {
    this.#host = url.host
    this.#socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
    this.#socket.on('data', (chunk) => this.#read(chunk))
    this.#socket.on('error', (error) => this.#waiting?.reject(error))
    this.#socket.on('close', () => this.#waiting?.reject(new Error('connection closed')))
  }

  send({ method, path, body = '', token }: Request): Promise<Answer> {
    const auth = token ? `authorization: Bearer ${token}\r\n` : ''
    const type = body ? `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n` : ''
    this.#socket.write(`${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n${auth}${type}\r\n${body}`)
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
    })
  }

  close(): void {
    this.#waiting = undefined
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk])
    const end = this.#buffer.indexOf('\r\n\r\n')
    if (end === -1) return
    const head = this.#buffer.toString('latin1', 0, end)
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
    if (this.#buffer.length < end + 4 + length) return
    const body = this.#buffer.toString('utf8', end + 4, end + 4 + length)
    this.#buffer = this.#buffer.subarray(end + 4 + length)
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.resolve({ status: Number(head.slice(9, 12)), body })
  }
}
