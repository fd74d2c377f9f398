import { trigger } from '../notifications/events/trigger.ts'
import { events } from '../notifications/subscriptions/subscription.ts'
import { withAccount } from './account.ts'
import { type Command, Failure, UsageError } from './command.ts'

export const triggerCommand: Command = {
  name: 'trigger',
  summary: 'Sends an event to the subscriptions that want it, without anything happening.',
  usage: '<event> [--account <id>]',
  help: `
About the newest transaction, order or draft that had this event; if there is none, about one that is made up.
The running server sends it, within moments. kvitt listen forwards what happens, so not this.

Options:
  --account  The account's id. Without it, the first account.

Example:
  npx kvitt trigger checkout_transaction`,
  options: { account: { type: 'string' } },
  words: 1,
  async run(invocation) {
    const event = invocation.positionals[0] ?? ''
    if (!(events as readonly string[]).includes(event)) throw new UsageError(`Say which event, one of ${events.join(', ')}.`)
    await withAccount(invocation, async (parts, account_id) => {
      const count = await trigger(parts, account_id, event)
      if (count === 0) throw new Failure(`No subscription of ${account_id} wants ${event}.`)
      invocation.print(`${event} goes to ${count} ${count === 1 ? 'subscription' : 'subscriptions'}.`)
    })
  },
}
