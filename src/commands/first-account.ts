import { ensureFirstClient } from '../accounts/operations.ts'
import type { Environment } from '../app.ts'

export type First = {
  account_id: string
  client_id: string
  /** Only when it was made, or given in the environment, now. */
  client_secret?: string
}

/** The account and API client to begin with; the same ones at every start. One of several processes that start at once makes them. */
export async function ensureFirst(environment: Environment): Promise<First> {
  const { config } = environment
  const { account_id, client_id, client_secret } = await ensureFirstClient(environment, config)
  return { account_id, client_id, ...(client_secret ? { client_secret } : {}) }
}
