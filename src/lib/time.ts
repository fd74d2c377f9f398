const [earliest_ms, latest_ms] = [0, Date.parse('9999-12-31T23:59:59.999Z')]

/**
 * An end of a time range, of the format `date-time`, as a time that every database can hold: nothing here is older than 1970 or younger
 * than 9999. Undefined for a leap second: that passes as a date-time and is none that a clock here can show.
 */
export function endOfRange(text: string): string | undefined {
  const ms = Date.parse(text)
  return Number.isFinite(ms) ? new Date(Math.min(Math.max(ms, earliest_ms), latest_ms)).toISOString() : undefined
}

/** Other years, which an offset may lead to, are written in a way that the database does not take. */
const [earliest, latest] = [new Date('0001-01-01T00:00:00Z'), new Date('9999-12-31T23:59:59.999Z')]

/**
 * A time as clients write it: any number of fraction digits (clients §4.4), with or without a zone (then UTC), a date alone.
 * @returns undefined when the text is no time, or of a day that its month does not have
 */
export function parseTime(text: string): Date | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d))?(?:[.,](\d+))?\s*(?:Z|([+-]\d\d)(?::?(\d\d))?)?)?$/i.exec(
    text.trim(),
  )
  if (!match) return undefined
  const [, day, time = '00:00', seconds = '00', fraction = '', hours, minutes = '00'] = match
  const offset = hours ? `${hours}:${minutes}` : 'Z'
  const at = new Date(`${day}T${time}:${seconds}.${`${fraction}000`.slice(0, 3)}${offset}`)
  return at >= earliest && at <= latest && isDay(day!) ? at : undefined
}

/** JavaScript takes the 31st of November for the 1st of December. */
function isDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day)
}

/**
 * An end of a list, both inclusive; `null` when none was given, undefined when it can't be read. An end date without a time means the whole
 * day (checkout-api §1.9).
 */
export function dateOf(given: string | undefined, end: 'gte' | 'lte'): Date | null | undefined {
  if (given === undefined || given === '') return null
  const at = parseTime(given)
  if (!at || end === 'gte' || !/^\d{4}-\d\d-\d\d$/.test(given.trim())) return at
  return new Date(at.getTime() + 86_400_000 - 1)
}
