import { findFirstAccount } from '../accounts/store.ts'
import { buildApp, type Parts } from '../app.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import { createLog } from '../lib/log.ts'
import { Failure, type Invocation, text } from './command.ts'
import { withDatabase } from './open-database.ts'

/** Runs `work` with the parts of a server that does not listen, for the account of `--account`, or the first one. */
export async function withAccount(
  { config, values, print }: Invocation,
  work: (parts: Parts, account_id: string) => Promise<void>,
): Promise<void> {
  await withDatabase(config, print, async (sql) => {
    const account_id = text(values, 'account') ?? (await findFirstAccount(sql))
    if (!account_id) throw new Failure('There is no account yet. Make one: npx kvitt account create')
    const log = createLog(config.log_level)
    const { app, parts } = await buildApp({ sql, config, clock: systemClock, ids: systemIds(systemClock), role: 'all', log })
    try {
      await work(parts, account_id)
    } finally {
      await app.close()
    }
  })
}
