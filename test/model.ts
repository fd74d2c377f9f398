/*
 * What the published contracts say about an order's records and about a payment, as a model that shares no code with the server.
 *
 * Terminology
 *
 * - call: one request and what came of it; `from` and `to` are moments of one clock, so that calls overlap or one is before the other
 * - legal order: an order of all calls, in which none stands before one that had ended when it began, and each answer is the model's
 */

/** What the model makes of a command: the state after it, whether it is allowed, and what its answer shows. */
export type Step<State> = { state: State; ok: boolean; shows?: unknown }
export type Model<State, Command> = (state: State, command: Command) => Step<State>

export type Call<Command> = {
  command: Command
  from: number
  to: number
  /** `unsure`: refused because something else was under way. Allowed only beside another call, and changes nothing. */
  outcome: 'ok' | 'refused' | 'unsure'
  /** What the answer shows; `undefined` is not compared. */
  shows?: unknown
}

/** A legal order of the calls (Wing and Gong's search), or nothing when there is none. Up to some thirty calls. */
export function legalOrder<State, Command>(
  model: Model<State, Command>,
  initial: State,
  calls: readonly Call<Command>[],
): Call<Command>[] | undefined {
  const dead = new Set<string>()
  const alone = (call: Call<Command>) => !calls.some((other) => other !== call && other.from < call.to && call.from < other.to)
  const search = (state: State, left: readonly Call<Command>[]): Call<Command>[] | undefined => {
    if (left.length === 0) return []
    const name = `${left.map((call) => calls.indexOf(call))} ${JSON.stringify(state)}`
    if (dead.has(name)) return undefined
    const first_end = Math.min(...left.map(({ to }) => to))
    for (const call of left) {
      if (call.from > first_end) continue
      const step = model(state, call.command)
      const same = call.shows === undefined || JSON.stringify(step.shows) === JSON.stringify(call.shows)
      const fits = call.outcome === 'unsure' ? !alone(call) : step.ok === (call.outcome === 'ok') && (!step.ok || same)
      if (!fits) continue
      const next = call.outcome === 'ok' ? step.state : state
      const rest = search(
        next,
        left.filter((other) => other !== call),
      )
      if (rest) return [call, ...rest]
    }
    dead.add(name)
    return undefined
  }
  return search(initial, calls)
}

/** Of one line (orders-api §5.3); every amount is positive here. */
type Line = { due: number; authorized: number; cancelled: number; captured: number; refunded: number }
export type OrderState = {
  version: number
  status: 'open' | 'closed' | 'cancelled'
  lines: readonly Line[]
  /** Ids of records, and keys that were answered with success. */
  ids: readonly string[]
  keys: readonly string[]
}
export type RecordKind = 'authorizations' | 'captures' | 'refunds' | 'cancellations'
export type OrderCommand =
  | { do: RecordKind; line: number; amount: number; id?: string; key?: string }
  | { do: 'open' | 'close' | 'cancel' | 'comment' | 'read' }

/** An order of these lines, just made. */
export function newOrder(dues: readonly number[]): OrderState {
  const lines = dues.map((due) => ({ due, authorized: 0, cancelled: 0, captured: 0, refunded: 0 }))
  return { version: 1, status: 'open', lines, ids: [], keys: [] }
}

/** orders-api §5.3 (amounts), §5.1 (status), §2.9 (ids). An answer shows the version: each change is the next one. */
export const orderModel: Model<OrderState, OrderCommand> = (state, command) => {
  const refused = { state, ok: false }
  const changed = (change: Partial<OrderState>): Step<OrderState> => {
    const next = { ...state, ...change, version: state.version + 1 }
    return { state: next, ok: true, shows: next.version }
  }
  switch (command.do) {
    case 'read':
      return { state, ok: true, shows: state.version }
    case 'comment':
      return changed({})
    case 'open':
    case 'close': {
      const status = command.do === 'open' ? 'open' : 'closed'
      if (state.status === 'cancelled') return refused
      return state.status === status ? { state, ok: true, shows: state.version } : changed({ status })
    }
    case 'cancel': {
      const kept = state.lines.reduce((sum, line) => sum + line.captured - line.refunded, 0)
      return state.status === 'cancelled' || kept !== 0 ? refused : changed({ status: 'cancelled' })
    }
    default:
      return recordStep(state, command)
  }
}

const counts = { authorizations: 'authorized', captures: 'captured', refunds: 'refunded', cancellations: 'cancelled' } as const

function recordStep(state: OrderState, command: OrderCommand & { do: RecordKind }): Step<OrderState> {
  const refused = { state, ok: false }
  const { line: index, amount, id, key } = command
  // The answer of the first time is sent again.
  if (key !== undefined && state.keys.includes(key)) return { state, ok: true }
  const line = state.lines[index]!
  const capturable = line.authorized - line.cancelled - line.captured
  const live = line.authorized - line.cancelled
  const room = {
    authorizations: state.status === 'open' && live === 0 ? line.due : 0,
    captures: state.status === 'cancelled' ? 0 : capturable,
    cancellations: capturable,
    refunds: line.captured - line.refunded,
  }[command.do]
  if (amount > room || (id !== undefined && state.ids.includes(id))) return refused
  const name = counts[command.do]
  const next: OrderState = {
    ...state,
    version: state.version + 1,
    lines: state.lines.with(index, { ...line, [name]: line[name] + amount }),
    ids: id === undefined ? state.ids : [...state.ids, id].sort(),
    keys: key === undefined ? state.keys : [...state.keys, key].sort(),
  }
  return { state: next, ok: true, ...(key === undefined ? { shows: next.version } : {}) }
}

/** A session, and the transaction that it becomes. */
export type PaymentState = {
  session: 'open' | 'paid' | 'cancelled'
  authorized: number
  captured: number
  refunded: number
  voided: number
  keys: readonly string[]
}
export type PaymentCommand =
  | { do: 'pay' | 'cancel' | 'void' | 'read' }
  | { do: 'capture' | 'refund'; amount: number; key?: string }

/** A session that waits for its customer. */
export const newPayment: PaymentState = { session: 'open', authorized: 0, captured: 0, refunded: 0, voided: 0, keys: [] }

/**
 * checkout-api §3.7, §3.10.6 (the session), §4.5.4 to §4.5.7 and §5.3 (the transaction) for a payment of `amount`. `remainder`: what is left
 * after a partial capture can be voided (§4.5.7 lists those products).
 */
export function paymentModel({ amount, remainder }: { amount: number; remainder: boolean }): Model<PaymentState, PaymentCommand> {
  return (state, command) => {
    const refused = { state, ok: false }
    const { authorized, captured, refunded, voided, session } = state
    const rest = authorized - captured - voided
    const changed = (change: Partial<PaymentState>): Step<PaymentState> => {
      const next = { ...state, ...change }
      return { state: next, ok: true, shows: shown(next) }
    }
    switch (command.do) {
      case 'read':
        return { state, ok: true, shows: shown(state) }
      case 'pay':
        return session === 'open' ? { ...changed({ session: 'paid', authorized: amount }), shows: undefined } : refused
      case 'cancel': {
        if (captured > 0 || (session === 'paid' && voided > 0)) return refused
        return { ...changed({ session: 'cancelled', voided: authorized }), shows: undefined }
      }
      case 'void':
        return rest > 0 && (captured === 0 || remainder) ? changed({ voided: voided + rest }) : refused
      default: {
        const { key } = command
        if (key !== undefined && state.keys.includes(key)) return { state, ok: true }
        const room = command.do === 'capture' ? rest : captured - refunded
        if (command.amount > room) return refused
        const moved = command.do === 'capture' ? { captured: captured + command.amount } : { refunded: refunded + command.amount }
        const step = changed({ ...moved, ...(key === undefined ? {} : { keys: [...state.keys, key].sort() }) })
        return key === undefined ? step : { ...step, shows: undefined }
      }
    }
  }
}

/** The closed form of checkout-api §5.3, with what moved. */
export function shown({ authorized, captured, refunded, voided }: PaymentState): unknown {
  return { status: statusOf(authorized, captured, refunded, voided), captured, refunded }
}

function statusOf(authorized: number, captured: number, refunded: number, voided: number): string {
  if (captured === 0) return voided > 0 ? 'AUTHORIZATION_VOIDED' : 'AUTHORIZED'
  if (captured + voided < authorized) return refunded > 0 ? 'PARTIALLY_CAPTURED_REFUNDED' : 'PARTIALLY_CAPTURED'
  if (refunded === 0) return 'CAPTURED'
  return refunded < captured ? 'PARTIALLY_REFUNDED' : 'REFUNDED'
}
