import { findAccount, findFirstAccount } from '../accounts/store.ts'
import { buildApp, type Parts } from '../app.ts'
import type { Sql } from '../lib/db.ts'
import { isAccountId, systemClock, systemIds } from '../lib/ids.ts'
import { createLog } from '../lib/log.ts'
import { Failure, type Invocation, text, UsageError, type Values } from './command.ts'
import { withDatabase } from './open-database.ts'

/** The option `--account` (or another that holds an account's id), if it was given and has the form of one. */
export function accountOption(values: Values, name = 'account'): string | undefined {
  const account_id = text(values, name)
  if (account_id === undefined || isAccountId(account_id)) return account_id
  throw new UsageError(`--${name} must be T (test) or P (production) and eight digits, not ${account_id}.`)
}

/** The account that a command is about: the wanted one, which must be there, or the first one. */
export async function accountOf(sql: Sql, wanted: string | undefined): Promise<string> {
  const first = await findFirstAccount(sql)
  if (!first) throw new Failure('There is no account yet. Make one: npx kvitt account create')
  if (wanted === undefined || (await findAccount(sql, wanted))) return wanted ?? first
  throw new Failure(`There is no account ${wanted} in this database. The first one is ${first}.`)
}

/** Runs `work` with the parts of a server that does not listen, for the account of `--account`, or the first one. */
export async function withAccount(
  { config, values, print }: Invocation,
  work: (parts: Parts, account_id: string) => Promise<void>,
): Promise<void> {
  const wanted = accountOption(values)
  await withDatabase(config, print, async (sql) => {
    const account_id = await accountOf(sql, wanted)
    const log = createLog(config.log_level)
    const { app, parts } = await buildApp({ sql, config, clock: systemClock, ids: systemIds(systemClock), role: 'all', log })
    try {
      await work(parts, account_id)
    } finally {
      await app.close()
    }
  })
}
