import { replay } from '../notifications/log/operations.ts'
import { openingsOf, refusedUrl } from '../notifications/outbound.ts'
import { withAccount } from './account.ts'
import { type Command, Failure, text, UsageError } from './command.ts'

export const replayCommand: Command = {
  name: 'replay',
  summary: 'Sends a webhook or session callback once more.',
  usage: '<delivery id> [--url <url>] [--account <id>]',
  help: `
The running server sends it, within moments. The new delivery is printed as JSON; it names the old one.

Options:
  --url      Where to, instead of where it went. For http:// or this machine, set KVITT_ALLOW_LOOPBACK_CALLBACKS=1, for this command and
             for the server, which sends it.
  --account  The account's id. Without it, the first account.

Example:
  KVITT_ALLOW_LOOPBACK_CALLBACKS=1 npx kvitt replay 5f0c9b9e-5a8e-4a4e-9a52-1f6a0f3c2b11 --url http://localhost:3000/hook`,
  options: { url: { type: 'string' }, account: { type: 'string' } },
  words: 1,
  async run(invocation) {
    const [id] = invocation.positionals
    if (!id) throw new UsageError('Say which delivery: kvitt replay <delivery id>.')
    const url = text(invocation.values, 'url')
    if (url !== undefined && !URL.canParse(url)) throw new UsageError(`--url must be an absolute URL, not ${url}.`)
    const refused = url === undefined ? undefined : refusedUrl(url, openingsOf(invocation.config))
    if (refused) {
      const how =
        'KVITT_ALLOW_LOOPBACK_CALLBACKS=1 opens this machine and http://, KVITT_ALLOW_CALLBACK_NETWORKS a private network'
      throw new Failure(`--url: ${refused} ${how}; set it for this command and for the server.`)
    }
    await withAccount(invocation, async (parts, account_id) => {
      const made = await replay(parts, { account_id }, id, url)
      invocation.print(JSON.stringify(made, null, 2))
    })
  },
}
