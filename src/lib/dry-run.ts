import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type OpenTransaction, openTransaction, type Sql } from './db.ts'
import { ApiError } from './errors.ts'
import { answerWhenBroken, handleIn, repeatWhenTakenBack, running } from './idempotency.ts'

/** True while a request with `?dry_run=true` is worked on: what it writes is taken back, and nobody outside may be asked. */
export function isDryRun(): boolean {
  return running.getStore()?.dry_run === true
}

/** What to throw where the truth would need somebody outside: a merchant's server, another service. */
export function notInDryRun(who: string): ApiError {
  return new ApiError('dry_run_not_possible', `A dry run can't tell: ${who} would have to be asked.`)
}

/**
 * `?dry_run=true` on a mutation that needs a token: the request runs in a database transaction that is rolled back. Everything decides
 * as it would, and the answer, or the refusal, is the same; gateways are taken to say yes. The answer carries `Dry-Run: true`.
 */
export function honourDryRun(app: FastifyInstance, sql: Sql): void {
  const open = new WeakMap<FastifyRequest, OpenTransaction>()
  repeatWhenTakenBack(app, open, async (request, reply) => {
    const transaction = await openTransaction(sql)
    return handleIn(transaction, { dry_run: true }, [request, reply]).finally(transaction.rollback)
  })

  app.addHook('preHandler', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD') return done()
    const wanted = wantsDryRun(request)
    if (wanted instanceof ApiError) return done(wanted)
    if (!wanted) return done()
    if (!request.routeOptions.config.scopes) return done(notInDryRun('this endpoint has no dry run; a customer'))
    openTransaction(sql).then(
      (transaction) => {
        reply.header('dry-run', 'true')
        open.set(request, transaction)
        answerWhenBroken(transaction, reply, () => open.has(request))
        running.run({ tx: transaction.tx, dry_run: true }, done)
      },
      (error: Error) => done(error),
    )
  })

  app.addHook('onSend', (request, _reply, payload, done) => {
    const transaction = open.get(request)
    if (!transaction) return done(null, payload)
    open.delete(request)
    transaction.rollback().then(() => done(null, payload), done)
  })
}

/** Whether the query asks for one. Something unclear is refused rather than done in earnest. */
function wantsDryRun({ query }: Pick<FastifyRequest, 'query'>): boolean | ApiError {
  const value = (query as Record<string, unknown> | undefined)?.dry_run
  if (value === undefined || value === 'false' || value === '0' || value === false) return false
  if (value === 'true' || value === '1' || value === true) return true
  const message = '?dry_run must be true or false.'
  return new ApiError('invalid_request', message, { details: [{ path: '?dry_run', message, allowed: ['true', 'false'] }] })
}
