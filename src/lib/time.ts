const [earliest_ms, latest_ms] = [0, Date.parse('9999-12-31T23:59:59.999Z')]

/**
 * An end of a time range, of the format `date-time`, as a time that every database can hold: nothing here is older than 1970 or younger
 * than 9999. Undefined for a leap second: that passes as a date-time and is none that a clock here can show.
 */
export function endOfRange(text: string): string | undefined {
  const ms = Date.parse(text)
  return Number.isFinite(ms) ? new Date(Math.min(Math.max(ms, earliest_ms), latest_ms)).toISOString() : undefined
}
