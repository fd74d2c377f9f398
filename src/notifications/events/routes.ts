import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Authenticate } from '../../lib/http.ts'
import { limits } from '../../lib/limits.ts'
import { DateTime, FreeObject, responses } from '../../lib/schema.ts'
import type { PayloadSources } from '../deliveries/payload.ts'
import * as operations from './operations.ts'

const config = { scopes: ['admin:hooks', 'read:hooks'] }
const tags = ['events']
const params = Type.Object({ aid: Type.String() })
const Position = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

const Event = Type.Object(
  {
    position: Type.Integer({ description: 'Grows within the account; the cursor.' }),
    event: Type.String(),
    aggregate_type: Type.String(),
    aggregate_id: Type.String(),
    sequence: Type.Integer(),
    created_at: DateTime,
    body: Type.Optional(FreeObject),
  },
  { title: 'Event' },
)

type Feed = Parts & { sources: PayloadSources }

/** Ours: what subscribers are told, to be asked for or listened to. Pull where a webhook can't reach. */
export const eventRoutes: FastifyPluginAsyncTypebox<Feed & { authenticate: Authenticate }> = async (app, parts) => {
  app.get(
    '/v1/accounts/:aid/events',
    {
      config,
      schema: {
        operationId: 'aid_events_get',
        tags,
        summary: 'List events, oldest first, after a position',
        params,
        querystring: Type.Object({
          starting_after: Type.Optional(Position),
          limit: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.page_size_max })),
          event: Type.Optional(Type.String({ maxLength: 100 })),
          includes: Type.Optional(Type.Literal('body')),
        }),
        response: responses({ 200: Type.Array(Event) }, 400, 401, 403),
      },
    },
    ({ auth, query }) => {
      const { starting_after = 0, limit, event, includes } = query
      const wanted = { after: starting_after, event, body: includes === 'body', ...(limit ? { limit } : {}) }
      return operations.events(parts, auth.account_id, wanted)
    },
  )

  app.get(
    '/v1/accounts/:aid/events/stream',
    {
      config,
      schema: {
        operationId: 'aid_events_stream_get',
        tags,
        summary: 'The same as server-sent events, as they come; Last-Event-ID resumes',
        description: `It ends when the access token is no longer accepted. 429 when the account has ${limits.event_streams_max} open.`,
        params,
        querystring: Type.Object({ starting_after: Type.Optional(Position) }),
        produces: ['text/event-stream'],
      },
    },
    (request, reply) => {
      const { auth, query, raw, headers } = request
      const { account_id } = auth
      const open = streams.get(account_id) ?? new Set()
      if (open.size >= limits.event_streams_max) throw tooMany()
      const last = Number(headers['last-event-id'] ?? Number.NaN)
      const after = Number.isSafeInteger(last) && last >= 0 ? last : query.starting_after
      const gone = new AbortController()
      raw.once('close', () => gone.abort())
      streams.set(account_id, open.add(gone))
      gone.signal.addEventListener(
        'abort',
        () => {
          open.delete(gone)
          if (open.size === 0) streams.delete(account_id)
        },
        { once: true },
      )
      const mayStill = () =>
        parts.authenticate(request).then(
          () => true,
          () => false,
        )
      reply.header('content-type', 'text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no')
      return reply.send(Readable.from(serverSent(parts, { account_id, after, gone, mayStill })))
    },
  )

  /** What is open, by account. */
  const streams = new Map<string, Set<AbortController>>()
  /** Streams end when the server does, so that it can. */
  app.addHook('preClose', (done) => {
    for (const open of [...streams.values()]) for (const gone of [...open]) gone.abort()
    done()
  })
}

function tooMany(): ApiError {
  const allowed = limits.event_streams_max
  const message = `The account has ${allowed} streams of events open, as many as it may (event_streams_max). Close one first.`
  return new ApiError('too_many_requests', message, { details: [{ message, allowed }], headers: { 'retry-after': '5' } })
}

/**
 * The text of a stream. Before something is sent, and now and then while nothing is, `mayStill` says whether the caller's token is still
 * accepted; no event goes out more than `limits.revocation_delay_ms` after it was asked.
 */
async function* serverSent(
  parts: Feed,
  stream: { account_id: string; after: number | undefined; gone: AbortController; mayStill: () => Promise<boolean> },
) {
  const { account_id, after, gone, mayStill } = stream
  const { signal } = gone
  try {
    yield ': hello\n\n'
    let quiet_ms = 0
    let asked_ms = performance.now()
    const rest = () => sleep(limits.event_stream_poll_ms, signal)
    for await (const event of operations.eventStream(parts, account_id, { after, signal, rest })) {
      quiet_ms = event ? 0 : quiet_ms + limits.event_stream_poll_ms
      const still_here = quiet_ms >= limits.event_stream_quiet_ms
      if (!event && !still_here) continue
      if (performance.now() - asked_ms >= limits.revocation_delay_ms) {
        asked_ms = performance.now()
        if (!(await mayStill())) {
          yield ': The access token is no longer accepted. Get a new one.\n\n'
          return
        }
      }
      if (event) yield `id: ${event.position}\nevent: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`
      else {
        // Proxies end what is silent.
        yield ': still here\n\n'
        quiet_ms = 0
      }
    }
  } finally {
    gone.abort()
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(finish, ms)
    signal.addEventListener('abort', finish, { once: true })
    function finish() {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
  })
}
