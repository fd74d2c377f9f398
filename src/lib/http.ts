import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import { ApiError, type ErrorCode, type ErrorDetail, publishedCodes } from './errors.ts'
import { accountIn } from './ids.ts'
import { limits } from './limits.ts'
import { pointerStep } from './object.ts'
import { describeFault, validatorCompiler } from './schema.ts'

/** Who is calling: what the access token, or the admin API key, says. */
export type Auth = {
  account_id: string
  /** The API client's `client_id`; becomes `created_by`. */
  subject: string
  scopes: readonly string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set on every route that has `scopes`. */
    auth: Auth
  }
  interface FastifyReply {
    /** The code of what was refused, for the log. */
    refusal: ErrorCode | undefined
  }
  interface FastifyContextConfig {
    /** Any one of these suffices. A route must have either this or `access`. */
    scopes?: readonly string[]
    /** `public`: no credential; knowing the id in the path is the capability. */
    access?: 'public'
    /** The endpoint also takes `x-api-key` (checkout-api §1.7). */
    api_key?: boolean
    /** A `null` member is dropped from the body unless the route needs to see it. */
    nulls?: 'keep'
  }
}

export type Authenticate = (request: FastifyRequest) => Promise<Auth>
export type Server = Awaited<ReturnType<typeof createServer>>

/**
 * What Node.js does at once when a server stops, and clients would feel, happens later:
 * - to close the socket that listens. Linux resets what waits there to be taken by us, 11 of 16 clients that connect anew for each
 *   request; who is refused has sent nothing, and a proxy asks elsewhere. So first there is room for none (`listen` once more), and what
 *   waits is taken.
 * - to cut off connections that look idle. The next request may be under way: it is answered, with `connection: close`.
 */
function closeLater(server: HttpServer): void {
  const close = server.close.bind(server)
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => void setTimeout(closeIdle, limits.idle_close_ms).unref()
  server.close = (done) => {
    const { _handle: listening } = server as unknown as { _handle: { listen?(room: number): number } | null }
    if (!listening?.listen) return close(done)
    listening.listen(0)
    const until = performance.now() + limits.last_connections_ms
    let taken = true
    server.on('connection', () => {
      taken = true
    })
    // Node.js takes one each turn.
    const look = () => {
      if (!taken || performance.now() > until) return close(done)
      taken = false
      setImmediate(look)
    }
    setImmediate(look)
    return server
  }
}

/**
 * A Fastify server with what every route shares: lenient JSON, strict types, scopes, the error envelope, `request-id`.
 * It does not listen.
 */
export function createServer(options: {
  authenticate: Authenticate
  logger: FastifyBaseLogger | undefined
  trusted_proxies?: readonly string[]
}) {
  const app = Fastify({
    trustProxy: options.trusted_proxies?.length ? [...options.trusted_proxies] : false,
    ...(options.logger ? { loggerInstance: options.logger } : { logger: false as const }),
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.body_bytes,
    requestTimeout: limits.request_arrival_ms,
    genReqId: () => randomUUID(),
    // A logger for each request would be made, and used by few: what is logged names the request itself.
    childLoggerFactory: (logger) => logger,
    forceCloseConnections: 'idle',
    // An id of 255 characters, each of which may be two units of a JavaScript string.
    routerOptions: { maxParamLength: 2 * limits.reference_length_max, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
    clientErrorHandler: answerUnreadable,
    // Of a path that finds no route: no hook runs for it.
    frameworkErrors: (error, request, reply) => sendError(urlFault(error), request, identified(request, reply)),
    return503OnClosing: false,
  })
  closeLater(app.server)
  app.setValidatorCompiler(validatorCompiler)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))

  const parse = app.getDefaultJsonParser('error', 'ignore')
  const parseLeniently = (request: FastifyRequest, bytes: Buffer, done: (error: Error | null, value?: unknown) => void) => {
    const unreadable = unreadableBody(request.headers['content-encoding'], bytes)
    if (unreadable) return done(unreadable)
    const body = bytes.toString()
    if (body.trim() === '') return done(null, undefined)
    parse(request, body, (error, value) => {
      if (error) return done(notJson(body, request.headers['content-type']))
      try {
        done(null, clean(value, { keep_nulls: request.routeOptions.config.nulls === 'keep', odd: mayBeOdd.test(body) }))
      } catch (refused) {
        done(refused as Error)
      }
    })
  }
  app.removeAllContentTypeParsers()
  // Clients send JSON under other names, and a content type with no body at all (clients §6.6).
  app.addContentTypeParser('*', { parseAs: 'buffer' }, parseLeniently as never)

  app.decorateRequest('auth', null as never)
  app.decorateReply('refusal', undefined)
  app.addHook('onRoute', (route) => {
    const { config, url, method } = route
    if (config?.access) route.bodyLimit = limits.public_body_bytes
    if (config?.scopes || config?.access || method === 'OPTIONS' || (Array.isArray(method) && method.includes('OPTIONS'))) return
    throw new Error(`Route ${String(method)} ${url} says neither which scopes it needs nor that it is public.`)
  })
  app.addHook('onRequest', async (request, reply) => {
    // Also of what is refused right here: a page of another origin could not read why.
    identified(request, reply)
    // Before its body is read, and may be found wrong.
    if (request.is404) throw new ApiError('not_found', `There is no endpoint ${request.method} ${request.url.split('?')[0]}.`)
    if (/%00/.test(request.url)) throw new ApiError('invalid_request', 'The URL holds %00, which is not text.')
    // `?starting_after=` is how many clients ask for the first page.
    const query = request.query as Record<string, unknown>
    for (const name of Object.keys(query)) {
      if (query[name] === '') delete query[name]
      else if (name.endsWith(']')) joinList(query, name)
    }
    if (!request.routeOptions.config.scopes) return
    request.auth = await options.authenticate(request)
    assertOwnAccount(request)
  })
  app.setErrorHandler(sendError)
  return app
}

function identified(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.header('request-id', request.id).header('access-control-allow-origin', '*')
}

/** `status[]=a&status[]=b` and `status[0]=a`, as PHP writes lists, are `status=a&status=b`. */
function joinList(query: Record<string, unknown>, name: string): void {
  const base = /^([^[\]]+)\[\d*\]$/.exec(name)?.[1]
  if (base === undefined) return
  query[base] = [query[base] ?? [], query[name]].flat()
  delete query[name]
}

function unreadableBody(encoding: string | undefined, bytes: Buffer): ApiError | undefined {
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return new ApiError('invalid_json', `The body has content-encoding ${encoding.slice(0, 40)}. Send it as plain JSON.`)
  }
  if (!isUtf8(bytes)) return new ApiError('invalid_json', 'The body is not UTF-8. JSON has no other encoding.')
}

function notJson(body: string, content_type = 'application/json'): ApiError {
  const why = content_type.includes('json') ? `: ${syntaxFault(body)}` : `; its content type is ${content_type.slice(0, 100)}`
  return new ApiError('invalid_json', `The body is not valid JSON${why}.`)
}

/** What is wrong and where, which the parser of the framework does not say. */
function syntaxFault(body: string): string {
  try {
    JSON.parse(body)
    return '__proto__ is no name for a member'
  } catch (error) {
    return (error as SyntaxError).message
  }
}

/** A path that finds no route because of how it is written: an id longer than any that exists, or `%` before what is no UTF-8. */
function urlFault({ code }: FastifyError): ApiError {
  const long = code === 'FST_ERR_MAX_PARAM_LENGTH'
  const why = long ? 'names something by too many characters' : 'is not encoded as UTF-8 with % before each byte'
  return new ApiError('invalid_request', `The URL ${why}.`)
}

/** What is no HTTP, or has too large a header, never reaches a route; it gets the same envelope. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, reason, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, 'Request Header Fields Too Large', 'The headers of the request are too large.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'Request Timeout', 'The request took too long to arrive.']
        : [400, 'Bad Request', 'The request is not valid HTTP.']
  const body = JSON.stringify({ error: { code: 'invalid_request' satisfies ErrorCode, message, errors: [] }, message })
  const headers = `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`
  if (socket.writable) socket.write(`HTTP/1.1 ${status} ${reason}\r\n${headers}\r\n\r\n${body}`)
  socket.destroySoon()
}

/** The account in the path, or before the dot of a checkout id, must be the token's (checkout-api Q21): else 403. */
function assertOwnAccount({ params, auth }: FastifyRequest): void {
  for (const [name, value] of Object.entries(params as Record<string, string>)) {
    const account = name === 'aid' || name === 'oid' ? value : accountIn(value)
    if (account !== undefined && account !== auth.account_id) {
      throw new ApiError('forbidden', `This token belongs to account ${auth.account_id} and can't be used on ${account}.`)
    }
  }
}

/**
 * What no route wants to see. A client that has nothing to say about a member sends `null` as often as it leaves it out: both mean
 * the same here. PostgreSQL can't store U+0000 or half a surrogate pair, and nesting without end would exhaust the stack.
 */
function clean(value: unknown, options: { keep_nulls: boolean; odd: boolean }, path = '', depth = 0): unknown {
  if (value === null) return options.keep_nulls ? null : undefined
  if (typeof value === 'string') {
    if (options.odd && /[\0\p{Surrogate}]/u.test(value)) throw refused(path, odd_text)
    return value
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw refused(path, 'is too large for a number')
  if (typeof value !== 'object') return value
  if (depth >= limits.nesting_max) {
    const message = `${path} is nested more than ${limits.nesting_max} levels deep.`
    throw new ApiError('invalid_request', message, { details: [{ path, message }] })
  }
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      if (element !== null) value[index] = clean(element, options, `${path}/${index}`, depth + 1)
    }
    return value
  }
  const object = value as Record<string, unknown>
  for (const name of Object.keys(object)) {
    if (options.odd && /[\0\p{Surrogate}]/u.test(name)) throw refused(path, odd_text)
    const member = object[name]
    if (member === null && !options.keep_nulls) delete object[name]
    else if (member !== null && (typeof member === 'object' || options.odd)) {
      object[name] = clean(member, options, `${path}/${pointerStep(name)}`, depth + 1)
    }
  }
  return value
}

/** Escapes, which may stand for what is no text; an exponent or so many digits that `JSON.parse` may make `Infinity` of it. */
const mayBeOdd = /\\u|\d[eE]\+?\d{2}|\d{300}/
const odd_text = 'holds U+0000 or half a surrogate pair, which is not text'

function refused(path: string, what: string): ApiError {
  const message = `${path || '/'} ${what}.`
  return new ApiError('invalid_request', message, { details: [{ path: path || '/', message }] })
}

function sendError(error: FastifyError | ApiError | Error, request: FastifyRequest, reply: FastifyReply): void {
  const known = asApiError(error, request.routeOptions.bodyLimit)
  if (known.status >= 500) request.log.error({ err: error, request_id: request.id }, 'request failed')
  reply.refusal = known.code
  reply.headers(known.headers).code(known.status).header('content-type', 'application/json; charset=utf-8')
  reply.serializer(JSON.stringify).send(errorEnvelope(known, request.url))
}

/** The body of an error answer. The orders family names our code itself; the checkout family the published one. */
function errorEnvelope(error: ApiError, url: string): { error: Record<string, unknown>; message?: string } {
  const orders = url.includes('/shopping/')
  const details: ErrorDetail[] =
    error.details.length > 0 || orders ? error.details : [{ code: error.code, message: error.message }]
  return {
    error: {
      code: orders ? error.code : (publishedCodes[error.status] ?? error.code.toUpperCase()),
      message: error.message,
      errors: details.map(({ path, message, code, allowed }) => ({
        path,
        message,
        ...(orders ? {} : { description: message }),
        code: code ?? error.code,
        allowed,
      })),
      ...error.extra,
    },
    // One plugin shows this and nothing else (clients §4.5).
    ...(orders ? {} : { message: error.message }),
  }
}

function asApiError(error: FastifyError | ApiError | Error, body_bytes: number | undefined): ApiError {
  if (error instanceof ApiError) return error
  const { statusCode = 500, validation, validationContext, code, syscall } = error as FastifyError & { syscall?: string }
  if (validation) return new ApiError('invalid_request', ...validationMessage(validation[0], validationContext ?? 'body'))
  if (statusCode === 413) return new ApiError('body_too_large', `The body is larger than ${body_bytes} bytes.`)
  if (statusCode === 415) return new ApiError('unsupported_media_type', 'Send the body as application/json.')
  if (statusCode === 429) return new ApiError('too_many_requests', 'Too many requests. Try again when Retry-After has passed.')
  if (statusCode < 500) return new ApiError('invalid_request', error.message)
  if (code === '40001' || code === '40P01') {
    const message = 'Another request changed the same thing at the same time. Try again.'
    return new ApiError('write_conflict', message, { headers: { 'retry-after': '1' } })
  }
  // A year or a day that PostgreSQL has not, where a schema takes it for a time.
  if (code === '22007' || code === '22008')
    return new ApiError('invalid_request', 'A time in the request is none that can be stored.')
  // The socket of a database that does not run is not there.
  const why = syscall === 'connect' ? silent : unavailable.find(([codes]) => codes.test(code ?? ''))?.[1]
  if (why !== undefined) return new ApiError('unavailable', `${why} Try again.`, { headers: { 'retry-after': '1' } })
  return new ApiError('internal_error', 'Something went wrong on our side. The request-id header finds it in the log.')
}

const silent = 'The database does not answer.'
/** What is the matter with the database, by what it, or the way to it, says. */
const unavailable: [codes: RegExp, why: string][] = [
  [/^53100$/, 'The disk of the database is full.'],
  [/^53...$/, 'The database is out of connections or memory.'],
  [/^25006$/, 'The database takes no writes.'],
  // A lock or a statement.
  [/^(55P03|57014)$/, 'The database took too long.'],
  // 57P…: it is starting or stopping.
  [/^(CONNECT|ECONN|EPIPE|ETIMEDOUT|57P0|08...$)/, silent],
]

type Validation = NonNullable<FastifyError['validation']>[number]

function validationMessage(fault: Validation | undefined, context: string): [message: string, { details: ErrorDetail[] }] {
  const { pointer, what, allowed } = describeFault(fault, context === 'body' ? '+' : '%2B')
  const path =
    context === 'body'
      ? pointer || '/'
      : context === 'querystring'
        ? `?${pointer.slice(1).replace(/\/\d+$/, '')}`
        : pointer.slice(1)
  const message = `${path === '/' ? 'The body' : path} ${what}.`
  return [message, { details: [{ path, message, code: 'invalid_request' satisfies ErrorCode, ...(allowed ? { allowed } : {}) }] }]
}
