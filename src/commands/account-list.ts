import { listAccounts } from '../accounts/store.ts'
import type { Command } from './command.ts'
import { withDatabase } from './open-database.ts'

export const accountList: Command = {
  name: 'account list',
  summary: 'Lists the accounts.',
  usage: '',
  help: `
One line an account: its id, when it was made, and its name; the first one, which commands without \`--account\` are about, comes first.

Example:
  npx kvitt account list`,
  options: {},
  async run({ config, print }) {
    await withDatabase(config, print, async (sql) => {
      for (const { account_id, created_at, name } of await listAccounts(sql)) {
        print(`${account_id}  ${created_at.toISOString()}  ${name ?? ''}`.trimEnd())
      }
    })
  },
}
