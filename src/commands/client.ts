import { createClient, firstClientScopes } from '../accounts/operations.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import { type Command, requiredText, text } from './command.ts'
import { withDatabase } from './open-database.ts'

export const clientCreate: Command = {
  name: 'client create',
  summary: 'Creates an API client on an account.',
  usage: '--account <id> [--scopes <scopes>] [--name <name>] [--client-id <id>]',
  help: `
Prints the client as JSON. The secret is shown this once and stored only as a hash.
Works while a server runs on the same database, and when none does.

Options:
  --account    The account's id. Required.
  --scopes     What it may do, separated by spaces or commas, such as "write:checkout read:shopping".
               Without it, everything: ${firstClientScopes.join(' ')}
  --name       What people call it.
  --client-id  A wanted client id. Without it, a random one.

Example:
  npx kvitt client create --account T12345678 --scopes "write:checkout write:shopping" --name webshop`,
  options: { account: { type: 'string' }, scopes: { type: 'string' }, name: { type: 'string' }, 'client-id': { type: 'string' } },
  async run({ config, values, print }) {
    const account_id = requiredText(values, 'account')
    const scopes =
      text(values, 'scopes')
        ?.split(/[\s,]+/)
        .filter(Boolean) ?? firstClientScopes
    await withDatabase(config, print, async (sql) => {
      const clock = systemClock
      const accounts = { sql, clock, ids: systemIds(clock) }
      const options = { account_id, scopes, name: text(values, 'name'), client_id: text(values, 'client-id') }
      print(JSON.stringify({ account_id, ...(await createClient(accounts, options)), scopes }, null, 2))
    })
  },
}
