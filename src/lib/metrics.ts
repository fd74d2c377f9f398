import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client'

/** What `/metrics` shows. Each server has its own registry; further metrics are registered on it by whoever measures them. */
export type Metrics = {
  registry: Registry
  /** Seconds from the request's arrival to the end of its answer, by method, route and status. */
  requests: Histogram<'method' | 'route' | 'status'>
  /** Rounds in which the events of an account did not become deliveries, and were left for later; and events that the database refused. */
  untold: Counter<'what'>
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const requests = new Histogram({
    name: 'kvitt_http_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  const untold = new Counter({
    name: 'kvitt_fan_out_failures_total',
    help: 'Rounds in which the events of an account did not become deliveries (tried again), and events that the database refused.',
    labelNames: ['what'] as const,
    registers: [registry],
  })
  // An alarm on what has never happened needs the 0.
  for (const what of ['round', 'event'] as const) untold.inc({ what }, 0)
  return { registry, requests, untold }
}

/** Memory, CPU, event loop and garbage collection of the process. They cost a little, so they begin with the first reader. */
export function collectProcessMetrics({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry })
}
