/*
 * Places at which a test may stop, break or kill the process. Off unless `armFailpoints` was called: passing one then costs a
 * comparison. `kvitt start` arms them only from KVITT_FAILPOINTS, which nobody sets outside of tests.
 */

/** Every failpoint: between which two steps it stands. */
export const failpoints = {
  'money.before_intent': 'a money move was asked for; nothing is written',
  'money.intent_committed': 'the intent is committed; the gateway was not called',
  'money.answered': 'the gateway has answered; the outcome is not written',
  'money.outcome_committed': 'the outcome is committed; nobody was told',
  'pay.intent_committed': 'the payment is committed as an intent; the gateway was not called',
  'pay.answered': 'the gateway has answered the payment; nothing of that is written',
  'pay.outcome_committed': 'the outcome of the payment is committed; nobody was told',
  'resolver.claimed': 'the resolver has leased operations; none was asked about',
  'orders.before_write': 'an order or draft is about to be changed',
  'orders.written': 'an order or draft was changed; the request may still be in its transaction',
  'orders.between_writes': 'the draft is completed, its order is not changed yet, in one transaction',
  'sessions.written': 'a session was changed; nobody was told',
  'idempotency.before_commit': 'the stored answer is inserted; it and the effect are not committed',
  'idempotency.committed': 'the stored answer and the effect are committed; nobody was told',
  'deliveries.planned': 'outbox rows have become deliveries in a transaction that is not committed',
  'deliveries.called': 'the receiver has answered; that is not written',
} as const
export type Failpoint = keyof typeof failpoints

type Action = { do: 'kill' | 'throw' | 'pause'; on: number; ms: number }
let armed: Map<Failpoint, Action & { hits: number }> | undefined

/**
 * Arms failpoints: `money.answered=kill@3` kills the process at the third hit, `throw` throws from then on, `pause:200@1` waits that
 * many milliseconds each time from the first. Several are separated by commas; nothing disarms all of them.
 */
export function armFailpoints(text: string | undefined): void {
  armed = undefined
  if (!text) return
  const parsed = text.split(',').map((part): [Failpoint, Action & { hits: number }] => {
    const [, name, action, ms = '100', on = '1'] = /^([\w.]+)=(kill|throw|pause)(?::(\d+))?(?:@(\d+))?$/.exec(part.trim()) ?? []
    if (!name || !(name in failpoints)) throw new Error(`KVITT_FAILPOINTS: ${part} is no failpoint with an action.`)
    return [name as Failpoint, { do: action as Action['do'], ms: Number(ms), on: Number(on), hits: 0 }]
  })
  armed = new Map(parsed)
}

/** Stands in a write path. Returns at once unless this failpoint is armed. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  return armed === undefined ? undefined : hit(name)
}

async function hit(name: Failpoint): Promise<void> {
  const action = armed?.get(name)
  if (!action) return
  action.hits += 1
  if (action.hits < action.on) return
  if (action.do === 'kill') {
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  }
  if (action.do === 'throw') throw new Error(`failpoint ${name}`)
  await new Promise((wake) => setTimeout(wake, action.ms))
}
