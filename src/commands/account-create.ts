import { createAccount, createClient, firstClientScopes } from '../accounts/operations.ts'
import { ensureDefaultProfile } from '../checkout/profiles/operations.ts'
import { createGateways } from '../gateways/registry.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import { accountOption } from './account.ts'
import { type Command, text, UsageError } from './command.ts'
import { withDatabase } from './open-database.ts'

export const accountCreate: Command = {
  name: 'account create',
  summary: 'Creates an account with an API client that may do everything, and its `default` profile.',
  usage: '[--production] [--name <name>] [--id <id>]',
  help: `
Prints the account and the client as JSON. The secret is shown this once and stored only as a hash.
Works while a server runs on the same database, and when none does.

Options:
  --production  A production account (P…). Without it, a test account (T…): no money moves.
  --name        What people call it.
  --id          A wanted account id: T or P and eight digits. Without it, a free one.

Example:
  npx kvitt account create --name "My shop"`,
  options: { production: { type: 'boolean' }, name: { type: 'string' }, id: { type: 'string' } },
  async run({ config, values, print }) {
    const wanted = accountOption(values, 'id')
    const production = values.production === true
    if (production && wanted?.startsWith('T')) throw new UsageError(`--production makes an account P…, and --id says ${wanted}.`)
    await withDatabase(config, print, async (sql, schemas) => {
      const clock = systemClock
      const accounts = { sql, clock, ids: systemIds(clock) }
      const { account_id } = await createAccount(accounts, {
        account_id: wanted,
        name: text(values, 'name'),
        production,
      })
      const client = await createClient(accounts, { account_id, scopes: firstClientScopes, name: 'First client' })
      if (schemas.includes('checkout')) {
        const gateways = createGateways({ ...accounts, config })
        await ensureDefaultProfile({ ...accounts, gateways }, account_id)
      }
      print(JSON.stringify({ account_id, ...client }, null, 2))
    })
  },
}
