import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/**
 * A page that is a bare array, which clients take for the last when it is shorter than they asked for. Large rows (see `isSmall`) came
 * without their events: these are read by `read` and written one after the other, as fast as the client takes them.
 */
export function answerPage<Row extends { events?: unknown }>(
  reply: FastifyReply,
  rows: readonly Row[],
  { view, read }: { view: (row: Row) => Record<string, unknown>; read: (row: Row) => Promise<Row | undefined> },
): Record<string, unknown>[] | FastifyReply {
  if (rows.every(({ events }) => events)) return rows.map(view)
  async function* texts() {
    let before = '['
    for (const row of rows) {
      const whole = row.events ? row : await read(row)
      if (!whole) continue
      // Of an array of one, as the schema of the answer has it, without its brackets.
      yield before + (reply.serializeInput([view(whole)] as never, '200') as string).slice(1, -1)
      before = ','
    }
    yield ']'
  }
  return reply.type('application/json; charset=utf-8').send(Readable.from(texts()))
}
