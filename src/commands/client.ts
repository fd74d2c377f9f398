import { rotateSecret } from '../accounts/clients/operations.ts'
import { listClients } from '../accounts/clients/store.ts'
import { createClient, firstClientScopes } from '../accounts/operations.ts'
import { isScope } from '../accounts/scope.ts'
import { isClientId } from '../lib/config.ts'
import { systemClock, systemIds } from '../lib/ids.ts'
import { accountOf, accountOption } from './account.ts'
import { type Command, Failure, list, requiredText, text, UsageError } from './command.ts'
import { withDatabase } from './open-database.ts'

export const clientCreate: Command = {
  name: 'client create',
  summary: 'Creates an API client on an account.',
  usage: '[--account <id>] [--scopes <scopes>] [--name <name>] [--client-id <id>]',
  help: `
Prints the client as JSON. The secret is shown this once and stored only as a hash.
Works while a server runs on the same database, and when none does.

Options:
  --account    The account's id. Without it, the first account.
  --scopes     What it may do, separated by spaces or commas, such as "write:checkout read:shopping".
               Without it, everything: ${firstClientScopes.join(' ')}
  --name       What people call it.
  --client-id  A wanted client id. Without it, a random one.

Example:
  npx kvitt client create --account T12345678 --scopes "write:checkout write:shopping" --name webshop`,
  options: { account: { type: 'string' }, scopes: { type: 'string' }, name: { type: 'string' }, 'client-id': { type: 'string' } },
  async run({ config, values, print }) {
    const wanted = accountOption(values)
    const scopes = list(values, 'scopes') ?? firstClientScopes
    const wrong = scopes.find((scope) => !isScope(scope))
    if (wrong !== undefined) {
      throw new UsageError(`--scopes: "${wrong}" is not a scope; one is admin, write, read or create, a colon and a resource.`)
    }
    const client_id = text(values, 'client-id')
    if (client_id !== undefined && !isClientId(client_id)) {
      throw new UsageError(`--client-id must be 1 to 255 characters without a colon, not ${client_id}.`)
    }
    await withDatabase(config, print, async (sql) => {
      const clock = systemClock
      const accounts = { sql, clock, ids: systemIds(clock) }
      const account_id = await accountOf(sql, wanted)
      const options = { account_id, scopes, name: text(values, 'name'), client_id }
      print(JSON.stringify({ account_id, ...(await createClient(accounts, options)), scopes }, null, 2))
    })
  },
}

export const clientRotate: Command = {
  name: 'client rotate',
  summary: 'Gives an API client a new secret; the old one ends at once.',
  usage: '--account <id> [--client-id <id>]',
  help: `
Prints the client as JSON. The secret is shown this once and stored only as a hash. Tokens that the client has end within seconds.

Options:
  --account    The account's id. Required.
  --client-id  Which client. Needed when the account has several.

Example:
  npx kvitt client rotate --account T12345678`,
  options: { account: { type: 'string' }, 'client-id': { type: 'string' } },
  async run({ config, values, print }) {
    const wanted = accountOption(values) ?? requiredText(values, 'account')
    const client_id = text(values, 'client-id')
    await withDatabase(config, print, async (sql) => {
      const account_id = await accountOf(sql, wanted)
      const clients = await listClients(sql, account_id)
      const matching = client_id === undefined ? clients : clients.filter((client) => client.client_id === client_id)
      const [client, second] = matching
      if (!client) throw new Failure(`Account ${account_id} has no client${client_id ? ` ${client_id}` : ''}.`)
      if (second) throw new UsageError(`--client-id is required: ${clients.map((one) => one.client_id).join(', ')}.`)
      const clock = systemClock
      const { client_secret } = await rotateSecret(
        { sql, clock, ids: systemIds(clock) },
        { account_id, subject: 'kvitt', scopes: [] },
        client.id,
      )
      print(JSON.stringify({ account_id, client_id: client.client_id, client_secret }, null, 2))
    })
  },
}

export const clientList: Command = {
  name: 'client list',
  summary: 'Lists the API clients of an account.',
  usage: '--account <id>',
  help: `
One line a client: its client id, when it was made, and its name. Secrets are not stored and can't be shown.

Options:
  --account  The account's id. Required.

Example:
  npx kvitt client list --account T12345678`,
  options: { account: { type: 'string' } },
  async run({ config, values, print }) {
    const wanted = accountOption(values) ?? requiredText(values, 'account')
    await withDatabase(config, print, async (sql) => {
      const account_id = await accountOf(sql, wanted)
      const clients = await listClients(sql, account_id)
      for (const { client_id, created_at, name } of clients) {
        print(`${client_id}  ${new Date(created_at).toISOString()}  ${name ?? ''}`.trimEnd())
      }
    })
  },
}
