import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureFirstClient } from '../accounts/operations.ts'
import type { Environment } from '../app.ts'

export type First = {
  account_id: string
  client_id: string
  /** Only when it was made, or given in the environment, now. */
  client_secret?: string
  /** The file that keeps the secret of a test account that was made now. */
  client_file?: string
}

/** The account and API client to begin with; the same ones at every start. One of several processes that start at once makes them. */
export async function ensureFirst(environment: Environment): Promise<First> {
  const { config } = environment
  const first = await ensureFirstClient(environment, config)
  const { account_id, client_id, client_secret } = first
  if (!client_secret || !first.client_created || config.client_secret || !account_id.startsWith('T')) {
    return { account_id, client_id, ...(client_secret ? { client_secret } : {}) }
  }
  const client_file = keepTestClient(config.data_folder, { account_id, client_id, client_secret })
  return { account_id, client_id, client_secret, ...(client_file ? { client_file } : {}) }
}

/** A test account moves no money: its credentials are kept for `npm run example` and the like, readable by the owner only. */
function keepTestClient(data_folder: string, credentials: Record<string, string>): string | undefined {
  const path = join(data_folder, 'client.json')
  try {
    mkdirSync(data_folder, { recursive: true })
    writeFileSync(path, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 })
    return path
  } catch {
    return undefined
  }
}
