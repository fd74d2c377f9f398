import { patient } from '../lib/db.ts'
import type { Difference } from '../verify/difference.ts'
import { verify } from '../verify/operations.ts'
import { accountOf, accountOption } from './account.ts'
import { type Command, Failure } from './command.ts'
import { openDatabase, schemasInUse } from './open-database.ts'

export const verifyCommand: Command = {
  name: 'verify',
  summary: 'Recomputes every order and transaction from its events, and compares.',
  usage: '[--account T12345678] [--json]',
  help: `
Reads everything and writes nothing. Compares columns, totals, lines, statuses, the numbering and the hash chain of the events,
operations, notifications, stored cards, the settlements' sums, items and events and, on test accounts, the simulator's own book. May run
while Kvitt is in use: each order, transaction and settlement is read in one statement, and operations that are under way are no
differences.

Every difference is a line on standard output; progress goes to standard error. The exit code is 1 when there is any difference.

Options:
  --account  Only this account.
  --json     Each difference as one line of JSON, then one line with the counts.

Environment: DATABASE_URL, or KVITT_DATA for the embedded PostgreSQL.`,
  options: { account: { type: 'string' }, json: { type: 'boolean' } },
  async run({ config, values, print }) {
    const json = values.json === true
    const wanted = accountOption(values)
    const progress = (message: string) => process.stderr.write(`kvitt: ${message}\n`)
    const database = await openDatabase(config, progress, { max: 1 })
    try {
      if ((await schemasInUse(database.sql)).length === 0) throw new Failure('There is nothing of Kvitt in this database.')
      const account_id = wanted === undefined ? null : await accountOf(database.sql, wanted)
      // A page is quick; the search for strays reads whole tables.
      const sql = patient(database.sql)
      await sql`set statement_timeout = 0`
      let told = 0
      const result = await verify(sql, {
        account_id,
        onDifference: (difference) => print(json ? JSON.stringify(difference) : line(difference)),
        onProgress: (kind, checked) => {
          if (checked >= told && checked - told < 10_000) return
          progress(`${checked} ${kind} compared`)
          told = checked
        },
      })
      if (json) print(JSON.stringify(result))
      const counts = Object.entries(result.checked)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(', ')
      if (result.differences > 0) throw new Failure(`${result.differences} differences; compared ${counts}.`)
      if (!json) print(`No difference; compared ${counts}.`)
    } finally {
      await database.close()
    }
  },
}

function line({ account_id, aggregate_type, aggregate_id, what, expected, found }: Difference): string {
  const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  return `${account_id} ${aggregate_type} ${aggregate_id}: ${what}: expected ${shown(expected)}, found ${shown(found)}`
}
