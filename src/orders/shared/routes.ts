import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { TextLike } from '../../lib/schema.ts'
import type { Caller } from './operations.ts'

/** The scopes of orders-api §1.1. */
export const read = { scopes: ['admin:shopping', 'read:shopping'] }
export const write = { scopes: ['admin:shopping', 'write:shopping'] }

const aid = TextLike('^[PT]\\d{8}$', 'P or T and eight digits', { description: 'The account.' })
const id = Type.String({ minLength: 1, maxLength: 255 })
export const Account = Type.Object({ aid })
export const ById = Type.Object({ aid, id })
export const ByOrder = Type.Object({
  aid,
  order_id: Type.String({ minLength: 1, maxLength: 255, description: '`order_id` or `id`.' }),
})

/** For `preValidation` of a list: `?status=open,closed` is `?status=open&status=closed`, so that each is checked. */
export async function splitsStatus({ query }: { query: unknown }): Promise<void> {
  const given = query as { status?: string | string[] }
  if (given.status !== undefined) given.status = [given.status].flat().flatMap((value) => value.split(','))
}

/** Who calls, with the request as the event will show it: its body as text (orders-api §3.8). */
export function callerOf({ auth, url, method, body, headers }: FastifyRequest): Caller {
  const if_match = headers['if-match']
  const request = { path: url, method, body: body === undefined ? '' : JSON.stringify(body) }
  return { account_id: auth.account_id, subject: auth.subject, request, ...(if_match === undefined ? {} : { if_match }) }
}

/** `ETag` is the version; a client may send it back in `If-Match`. */
export function tag(reply: FastifyReply, version: number): void {
  reply.header('etag', `"${version}"`)
}

/** A list under its name in the answer, with one entry as the example; pages carry `starting_after`. */
export function listOf(name: string, entry: Type.TSchema, options: { paged?: boolean } = {}) {
  const { examples } = entry as { examples?: unknown[] }
  const cursor: Type.TProperties = options.paged
    ? { starting_after: Type.Optional(Type.String({ description: 'Absent on the last page.' })) }
    : {}
  return Type.Object({ [name]: Type.Array(entry), ...cursor }, { examples: [{ [name]: examples?.slice(0, 1) ?? [] }] })
}
