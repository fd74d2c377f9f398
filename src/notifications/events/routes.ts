import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Parts } from '../../app.ts'
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

/** Ours: what subscribers are told, to be asked for or listened to. Pull where a webhook can't reach. */
export const eventRoutes: FastifyPluginAsyncTypebox<Parts & { sources: PayloadSources }> = async (app, parts) => {
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
        params,
        querystring: Type.Object({ starting_after: Type.Optional(Position) }),
        produces: ['text/event-stream'],
      },
    },
    ({ auth, query, raw, headers }, reply) => {
      const last = Number(headers['last-event-id'] ?? Number.NaN)
      const after = Number.isSafeInteger(last) && last >= 0 ? last : query.starting_after
      const gone = new AbortController()
      raw.once('close', () => gone.abort())
      const stop = () => gone.abort()
      closing.add(stop)
      gone.signal.addEventListener('abort', () => closing.delete(stop), { once: true })
      reply.header('content-type', 'text/event-stream').header('cache-control', 'no-store').header('x-accel-buffering', 'no')
      return reply.send(Readable.from(serverSent(parts, auth.account_id, after, gone.signal)))
    },
  )

  /** Streams end when the server does, so that it can. */
  const closing = new Set<() => void>()
  app.addHook('preClose', (done) => {
    for (const stop of closing) stop()
    done()
  })
}

async function* serverSent(
  parts: Parts & { sources: PayloadSources },
  account_id: string,
  after: number | undefined,
  signal: AbortSignal,
) {
  yield ': hello\n\n'
  let quiet_ms = 0
  const rest = () => sleep(limits.event_stream_poll_ms, signal)
  for await (const event of operations.eventStream(parts, account_id, { after, signal, rest })) {
    quiet_ms = event ? 0 : quiet_ms + limits.event_stream_poll_ms
    if (event) yield `id: ${event.position}\nevent: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`
    else if (quiet_ms >= limits.event_stream_quiet_ms) {
      // Proxies end what is silent.
      yield ': still here\n\n'
      quiet_ms = 0
    }
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
