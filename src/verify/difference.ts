/*
 * Terminology
 *
 * - aggregate: an order, a draft, a session, a transaction; what its events say is true, what stands beside them is compared
 * - difference: something stored that the events, or another book, contradict
 */
import { sameJson } from '../lib/object.ts'
import type { Notification } from '../lib/outbox.ts'

/** One thing that is not as it must be. */
export type Difference = {
  account_id: string
  aggregate_type: string
  aggregate_id: string
  /** A column, `event 3`, `line 1 captured`, `notification 4 checkout_transaction`, … */
  what: string
  expected: unknown
  found: unknown
}

/** Names an aggregate, and collects what is wrong with it. */
export class Findings {
  readonly list: Difference[] = []
  readonly #about: Pick<Difference, 'account_id' | 'aggregate_type' | 'aggregate_id'>

  constructor(account_id: string, aggregate_type: string, aggregate_id: string) {
    this.#about = { account_id, aggregate_type, aggregate_id }
  }

  /** Notes a difference unless the two are the same JSON; `null` and absent are the same. */
  compare(what: string, expected: unknown, found: unknown): void {
    if (!sameJson(expected ?? undefined, found ?? undefined)) this.add(what, expected, found)
  }

  add(what: string, expected: unknown, found: unknown): void {
    this.list.push({ ...this.#about, what, expected: expected ?? null, found: found ?? null })
  }
}

/** An event as verify reads it: its number, its hash, and whether that follows from the hash before it and its content. */
export type Link = { sequence: number; hash: string; linked: boolean }

/** The events are numbered 1, 2, 3 …, each hash follows from the one before, and the aggregate keeps the last. */
export function compareChain(findings: Findings, links: readonly Link[], count: number, hash: string): void {
  const gap = links.findIndex(({ sequence }, index) => sequence !== index + 1)
  if (gap >= 0) findings.add(`event ${gap + 1}`, 'an event of this number', `event ${links[gap]!.sequence}`)
  findings.compare('number of events', count, links.length)
  const broken = links.find(({ linked }) => !linked)
  if (broken) findings.add(`hash of event ${broken.sequence}`, 'sha256 of the hash before it and its content', broken.hash)
  const last = links.at(-1)
  if (last) findings.compare('hash', last.hash, hash)
}

/**
 * What is too large is changed no more, so nothing may count as larger than it can be. Less is fine: nobody has counted what is older than
 * the count.
 */
export function compareSize(findings: Findings, events_size: number, size_max: number | null): void {
  if (size_max !== null && events_size > size_max) findings.add('events_size', `at most ${size_max}`, events_size)
}

/** A row of the outbox, as `[sequence, event, details]`. */
export type Told = readonly [sequence: number, event: string, details?: Readonly<Record<string, unknown>>]

/** The row of the outbox that this notification is written as. */
export const toldOf = ({ sequence, event, details }: Notification): Told => [sequence, event, details]

/** Those notifications whose event is recent: older ones have been forgotten, or soon will be (`limits.events_kept_s`). */
export function stillKept(expected: readonly Told[], events: readonly { sequence: number; at: unknown }[], since: Date): Told[] {
  const recent = new Set(events.filter(({ at }) => new Date(String(at)) >= since).map(({ sequence }) => sequence))
  return expected.filter(([sequence]) => recent.has(sequence))
}

/** Every notification that must have been written was, and says what it must. Others may stand beside them. */
export function compareNotifications(findings: Findings, expected: readonly Told[], found: readonly Told[]): void {
  const have = new Map(found.map(([sequence, event, details = {}]) => [`${sequence} ${event}`, details]))
  for (const [sequence, event, details = {}] of expected) {
    const what = `notification ${sequence} ${event}`
    const row = have.get(`${sequence} ${event}`)
    if (row) findings.compare(`${what} details`, details, row)
    else findings.add(what, 'a row of the outbox', null)
  }
}

/** Compares two sets of rows of numbers by a key: rows that are missing, that should not be there, and members that differ. */
export function compareRows(
  findings: Findings,
  noun: string,
  expected: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
  found: ReadonlyMap<string, Readonly<Record<string, unknown>>>,
): void {
  for (const [key, row] of expected) {
    const other = found.get(key)
    if (!other) {
      findings.add(`${noun} ${key}`, row, null)
      continue
    }
    for (const [member, value] of Object.entries(row)) findings.compare(`${noun} ${key} ${member}`, value, other[member])
  }
  for (const [key, row] of found) if (!expected.has(key)) findings.add(`${noun} ${key}`, null, row)
}

/** The same moment, however it is written. */
export function moment(value: unknown): string | undefined {
  return typeof value === 'string' || value instanceof Date ? new Date(value).toISOString() : undefined
}
