import { createHash } from 'node:crypto'
import { limits } from '../../lib/limits.ts'

/**
 * Terminology. A delivery tells one thing to one endpoint, in one or more attempts, and ends delivered or dead. An endpoint is
 * a webhook subscription or the origin of a callback URL. A lane is what must stay in order: one aggregate, to one endpoint.
 * An endpoint is down after several attempts in a row that nobody answered; then one delivery at a time probes it.
 */

/** What one outbound call came to. `kind` says why there was no answer. */
export type CallResult =
  | { status: number; headers: Record<string, string>; body: string; truncated?: boolean; duration_ms: number }
  | { error: string; kind: 'timeout' | 'connection' | 'address' | 'interrupted'; duration_ms: number }

export type Kind = 'callback' | 'webhook'

/** What is known about a delivery when an attempt of it ends. `endpoint_failures`: attempts without answer before this one. */
export type Attempt = { id: string; kind: Kind; failures: number; attempts: number; age_s: number; endpoint_failures: number }

/** What an attempt changes. `alive` false: nobody answered, which speaks against the endpoint and not only against this delivery. */
export type Settlement = { state: 'pending' | 'delivered' | 'dead'; failures: number; wait_s: number; alive: boolean }

/** How often, and how far apart, each kind is tried. Passed by hand so that tests can be quick. */
export type RetryRules = Record<Kind, { attempts: number; retry_s: readonly number[]; timeout_ms: number }>

export const retryRules: RetryRules = {
  callback: { attempts: limits.callback_attempts, retry_s: limits.callback_retry_s, timeout_ms: limits.callback_timeout_ms },
  webhook: { attempts: limits.webhook_attempts, retry_s: limits.webhook_retry_s, timeout_ms: limits.webhook_timeout_ms },
}

/**
 * Decides what an attempt means. 2xx is success. For a callback 3xx and 4xx are final; 5xx, 1xx, time-outs and broken
 * connections are retried (checkout-api §6.2). A webhook is retried on everything else (§6.6). An address that we refuse to
 * call is final. An attempt that finds its endpoint down, as a probe, does not count; nor is a delivery given up while its
 * endpoint is down, until it is `limits.delivery_age_max_s` old.
 */
export function settle(attempt: Attempt, result: CallResult, rules: RetryRules = retryRules): Settlement {
  const { kind, failures, age_s } = attempt
  const answered = 'status' in result
  if (answered && result.status >= 200 && result.status < 300) return { state: 'delivered', failures, wait_s: 0, alive: true }
  if (!answered && result.kind === 'interrupted') return { state: 'pending', failures, wait_s: 0, alive: true }
  if (!answered && result.kind === 'address') return { state: 'dead', failures: failures + 1, wait_s: 0, alive: true }
  if (kind === 'callback' && answered && result.status >= 300 && result.status < 500) {
    return { state: 'dead', failures: failures + 1, wait_s: 0, alive: true }
  }
  const alive = answered && !(result.status >= 502 && result.status <= 504)
  const probe = !alive && attempt.endpoint_failures >= limits.endpoint_failures_max
  const down = !alive && attempt.endpoint_failures + 1 >= limits.endpoint_failures_max
  const counted = probe ? failures : failures + 1
  const dead = age_s > limits.delivery_age_max_s || (counted >= rules[kind].attempts && !down)
  return { state: dead ? 'dead' : 'pending', failures: counted, wait_s: waitBefore(attempt, counted, rules), alive }
}

/** Seconds until the next attempt: the schedule, and up to a tenth more that differs from delivery to delivery. */
function waitBefore({ id, kind, attempts }: Attempt, failures: number, rules: RetryRules): number {
  const schedule = rules[kind].retry_s
  const base = schedule[Math.min(Math.max(failures, 1), schedule.length) - 1] ?? 0
  return base * (1 + jitter(`${id}.${attempts}`) / 10)
}

/** Between 0 and 1, the same for the same text: chance without a die, so that the core stays pure. */
function jitter(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32
}
