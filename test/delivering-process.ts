import { connect } from '../src/lib/db.ts'
import { systemIds } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { retryRules } from '../src/notifications/deliveries/delivery.ts'
import { createOutbound } from '../src/notifications/outbound.ts'
import { deliveryWork } from '../src/worker/deliver.ts'
import { startWork } from '../src/worker/loop.ts'

// A worker in a process of its own, to be killed. Arguments: the database, and how many seconds its clock is ahead.
const [url = '', ahead = '0'] = process.argv.slice(2)
const clock = { now: () => new Date(Date.now() + Number(ahead) * 1_000) }
const log = createLog('fatal')
startWork(
  [
    deliveryWork({
      sql: connect(url, { max: 8 }),
      clock,
      ids: systemIds(clock),
      log,
      outbound: createOutbound({ allow_loopback: true }),
      rules: retryRules,
      sources: { transaction: async (_account, id, sequence) => ({ id, version: sequence }) },
    }),
  ],
  log,
)
