import { replay } from '../notifications/log/operations.ts'
import { withAccount } from './account.ts'
import { type Command, text, UsageError } from './command.ts'

export const replayCommand: Command = {
  name: 'replay',
  summary: 'Sends a webhook or session callback once more.',
  usage: '<delivery id> [--url <url>] [--account <id>]',
  help: `
The running server sends it, within moments. The new delivery is printed as JSON; it names the old one.

Options:
  --url      Where to, instead of where it went.
  --account  The account's id. Without it, the first account.

Example:
  npx kvitt replay 5f0c9b9e-5a8e-4a4e-9a52-1f6a0f3c2b11 --url http://localhost:3000/hook`,
  options: { url: { type: 'string' }, account: { type: 'string' } },
  async run(invocation) {
    const [id] = invocation.positionals
    if (!id) throw new UsageError('Say which delivery: kvitt replay <delivery id>.')
    await withAccount(invocation, async (parts, account_id) => {
      const made = await replay(parts, { account_id }, id, text(invocation.values, 'url'))
      invocation.print(JSON.stringify(made, null, 2))
    })
  },
}
