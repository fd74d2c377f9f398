import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Db, type OpenTransaction, openTransaction, type Sql, type Tx } from './db.ts'
import { mayBeAskedAgain } from './driver.ts'
import { ApiError } from './errors.ts'
import { failpoint } from './failpoints.ts'
import { limits } from './limits.ts'

/** What an `Idempotency-Key` names: scoped by account and client, bound to one request by its hash. */
export type IdempotencyKey = { account_id: string; client_id: string; key: string; hash: Buffer }

declare module 'fastify' {
  interface FastifyRequest {
    /** Set when the request carries an `Idempotency-Key` on a route that honours it. */
    idempotency: IdempotencyKey | undefined
    /**
     * On a route of the kind `late`: runs `work`, and what it writes is committed together with the stored answer. Once in a request, as
     * the last thing that it writes.
     */
    effect<T>(work: () => Promise<T>): Promise<T>
  }
  interface FastifyContextConfig {
    /**
     * How the route honours `Idempotency-Key`. By default the handler runs in one database transaction with the stored answer.
     * `operation`: it calls a gateway, so no transaction may stay open; the operation itself is the record (see docs/decisions).
     * `late`: somebody else is asked before anything is written; the transaction begins with `request.effect`.
     * `none`: nothing is stored, for repeating it does no harm, or the answer is a secret.
     */
    idempotency?: 'operation' | 'late' | 'none'
  }
}

/** The database transaction of the request that is being worked on, if it has one of its own. */
export const running = new AsyncLocalStorage<{ tx: Tx; dry_run: boolean }>()

/**
 * The pool as the services see it: inside a request with an `Idempotency-Key` every statement goes to that request's transaction,
 * so that the effect and the stored answer are committed together, and no service has to know.
 */
export function joiningTransactions(sql: Sql): Sql {
  const current = () => (running.getStore()?.tx ?? sql) as Sql
  return new Proxy(sql, {
    apply: (_, __, args) => Reflect.apply(current() as unknown as () => unknown, undefined, args),
    get: (_, name) => Reflect.get(current(), name),
    has: (_, name) => Reflect.has(current(), name),
  })
}

/**
 * Honours `Idempotency-Key` on every POST and PUT that has scopes: the same key and body replays the stored answer, another body is 422,
 * one still being worked on is 409. Only successes are stored: a refused request may be tried again with the same key.
 */
export function honourIdempotencyKeys(app: FastifyInstance, sql: Sql): void {
  const open = new WeakMap<FastifyRequest, OpenTransaction>()
  app.decorateRequest('idempotency', undefined)
  const again = async (request: FastifyRequest, reply: FastifyReply): Promise<string> => {
    const { transaction, stored } = await begin(sql, request.idempotency!)
    if (stored) {
      reply.header('idempotent-replayed', 'true').code(stored.status)
      return stored.body
    }
    try {
      const payload = await handleIn(transaction, { dry_run: false }, [request, reply])
      await store(transaction.tx, request.idempotency!, reply.statusCode, payload)
      await transaction.commit()
      return payload
    } catch (error) {
      await transaction.rollback()
      throw error
    }
  }
  repeatWhenTakenBack(app, open, again)
  app.decorateRequest('effect', function <T>(this: FastifyRequest, work: () => Promise<T>): Promise<T> {
    const { idempotency } = this
    if (!idempotency || running.getStore()) return work()
    return repeat(async () => {
      const { transaction, stored } = await begin(sql, idempotency)
      // The same request, sent twice at once, was the first to end: the answer is there when it is asked again.
      if (stored) throw keyInFlight()
      try {
        const result = await Promise.race([running.run({ tx: transaction.tx, dry_run: false }, work), lost(transaction)])
        open.set(this, transaction)
        return result
      } catch (error) {
        await transaction.rollback()
        throw error
      }
    })
  })

  app.addHook('preHandler', (request, reply, done) => {
    const key = request.headers['idempotency-key']
    const { scopes, idempotency } = request.routeOptions.config
    if (running.getStore()?.dry_run) return done()
    if (key === undefined || !scopes || idempotency === 'none' || (request.method !== 'POST' && request.method !== 'PUT'))
      return done()
    if (typeof key !== 'string' || key.length < 1 || key.length > limits.reference_length_max) {
      return done(
        new ApiError('idempotency_key_invalid', `Idempotency-Key must be 1 to ${limits.reference_length_max} characters.`),
      )
    }
    const { account_id, subject } = request.auth
    const hash = createHash('sha256')
      .update(`${request.method} ${request.url}\n${JSON.stringify(request.body ?? null)}`)
      .digest()
    request.idempotency = { account_id, client_id: subject, key, hash }
    if (idempotency === 'operation') return done()
    if (idempotency === 'late') {
      findStored(sql, request.idempotency).then(
        (stored) => (stored ? replay(reply, stored) : done()),
        (error: Error) => done(error),
      )
      return
    }
    begin(sql, request.idempotency).then(
      ({ transaction, stored }) => {
        if (stored) return replay(reply, stored)
        open.set(request, transaction)
        answerWhenBroken(transaction, reply, () => open.has(request))
        running.run({ tx: transaction.tx, dry_run: false }, done)
      },
      (error: Error) => done(error),
    )
  })

  app.addHook('onSend', (request, reply, payload, done) => {
    const transaction = open.get(request)
    if (!transaction) return done(null, payload)
    open.delete(request)
    end(transaction, request, reply, payload).then((sent) => done(null, sent), done)
  })

  /** Ends the request's transaction: with the stored answer when it is a success. */
  async function end(transaction: OpenTransaction, request: FastifyRequest, reply: FastifyReply, payload: unknown) {
    if (reply.statusCode >= 300) {
      await transaction.rollback()
      return payload
    }
    try {
      await store(transaction.tx, request.idempotency!, reply.statusCode, payload)
      await failpoint('idempotency.before_commit')
      await transaction.commit()
    } catch (error) {
      await transaction.rollback()
      if (!mayBeAskedAgain(error)) throw error
      return repeat(() => again(request, reply))
    }
    await failpoint('idempotency.committed')
    return payload
  }
}

/**
 * A request whose database transaction was taken back before it was answered is handled once more, from the beginning, by `again`: that
 * opens a transaction, ends it, and returns the text of the answer.
 */
export function repeatWhenTakenBack(
  app: FastifyInstance,
  open: WeakMap<FastifyRequest, OpenTransaction>,
  again: (request: FastifyRequest, reply: FastifyReply) => Promise<string>,
): void {
  app.addHook('onRoute', (route) => {
    const { handler } = route
    if (!route.config?.scopes || route.method === 'GET' || route.method === 'HEAD') return
    route.handler = function (request, reply) {
      const answer: unknown = handler.call(this, request, reply)
      if (!open.has(request) || !(answer instanceof Promise)) return answer
      return answer.catch(async (error) => {
        const transaction = open.get(request)
        if (!mayBeAskedAgain(error) || !transaction) throw error
        open.delete(request)
        await transaction.rollback()
        const payload = await repeat(() => again(request, reply))
        reply.type('application/json; charset=utf-8')
        return payload
      })
    }
  })
}

/** Runs the handler of a request in this transaction, and returns the text of its answer. */
export async function handleIn(
  transaction: OpenTransaction,
  { dry_run }: { dry_run: boolean },
  [request, reply]: [FastifyRequest, FastifyReply],
): Promise<string> {
  const { handler } = request.routeOptions
  const answer = running.run({ tx: transaction.tx, dry_run }, () => Reflect.apply(handler, request.server, [request, reply]))
  return JSON.stringify(await Promise.race([answer, lost(transaction)]))
}

/** Rejects when the connection of the transaction breaks: its statements get no answer then. */
async function lost({ broken }: OpenTransaction): Promise<never> {
  throw await broken
}

/** Tries again what PostgreSQL took back. */
async function repeat<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left: number = limits.taken_back_attempts; ; left -= 1) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0 || !mayBeAskedAgain(error)) throw error
    }
  }
}

/**
 * The handler may be waiting for a statement that gets no answer any more: then the client is told. Most often a statement was refused and
 * the handler answers by itself, hence the pause; two answers to one request must not meet.
 */
export function answerWhenBroken({ broken }: OpenTransaction, reply: FastifyReply, isOpen: () => boolean): void {
  broken.then((error) => {
    setTimeout(() => {
      if (isOpen() && !reply.sent) reply.send(error)
    }, limits.broken_connection_pause_ms).unref()
  })
}

type Stored = { request_hash: Buffer; status: number; body: string }

/** The stored answer to this request. Errors: the key was used for another one. */
async function findStored(sql: Db, { account_id, client_id, key, hash }: IdempotencyKey): Promise<Stored | undefined> {
  const [stored] = await sql<Stored[]>`
    select request_hash, status, body from accounts.idempotency_keys
    where account_id = ${account_id} and client_id = ${client_id} and key = ${key}`
  if (stored && !hash.equals(stored.request_hash)) throw keyReused()
  return stored
}

async function store(sql: Db, used: IdempotencyKey, status: number, payload: unknown): Promise<void> {
  const { account_id, client_id, key, hash } = used
  await sql`
    insert into accounts.idempotency_keys (account_id, client_id, key, request_hash, status, body)
    values (${account_id}, ${client_id}, ${key}, ${hash}, ${status}, ${String(payload ?? '')})
    on conflict do nothing`
}

function replay(reply: FastifyReply, { status, body }: Stored): void {
  reply.header('idempotent-replayed', 'true').code(status).type('application/json').send(body)
}

/** Opens the transaction and takes the key for its length; or finds what is stored, and then leaves nothing open. */
async function begin(sql: Sql, used: IdempotencyKey) {
  const transaction = await openTransaction(sql)
  try {
    const [lock] = await transaction.tx<{ taken: boolean }[]>`
      select pg_try_advisory_xact_lock(hashtextextended(${nameOf(used)}, 0)) as taken`
    if (!lock!.taken) throw keyInFlight()
    const stored = await findStored(transaction.tx, used)
    if (stored) await transaction.rollback()
    return { transaction, stored }
  } catch (error) {
    await transaction.rollback()
    throw error
  }
}

/** One text for a key. A slash in the client's id is escaped: the rest of that id and the key would be another client's key. */
function nameOf({ account_id, client_id, key }: IdempotencyKey): string {
  return `${account_id}/${client_id.replace(/[%/]/g, encodeURIComponent)}/${key}`
}

/** The refusal of a key whose first request has no outcome yet. */
export function keyInFlight(): ApiError {
  const message = 'A request with this Idempotency-Key is being worked on.'
  return new ApiError('idempotency_key_in_flight', message, { headers: { 'retry-after': '1' } })
}

/** The refusal of a key that has already been used for something else. */
export function keyReused(): ApiError {
  return new ApiError(
    'idempotency_key_reused',
    'This Idempotency-Key was used for another request. Use a new key for a new request.',
  )
}

/**
 * The id of the operation that a key stands for: the same key always names the same operation, so the primary key of
 * `checkout.operations` lets it happen once.
 */
export function operationIdOf(used: IdempotencyKey): string {
  const bytes = createHash('sha256').update(nameOf(used)).digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x80
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** Removes a batch of stored answers that are too old to be replayed; returns how many. */
export async function deleteExpiredKeys(sql: Sql, now: Date): Promise<number> {
  const oldest = new Date(now.getTime() - limits.idempotency_key_s * 1000)
  const { count } = await sql`
    delete from accounts.idempotency_keys
    where (account_id, client_id, key) in (
      select account_id, client_id, key from accounts.idempotency_keys where created_at < ${oldest} limit 1000
      for update skip locked)`
  return count
}
