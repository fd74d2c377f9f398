import { isClientId } from '../lib/config.ts'
import { type Db, inTransaction, type Sql } from '../lib/db.ts'
import { ApiError } from '../lib/errors.ts'
import { type Clock, type Ids, isAccountId } from '../lib/ids.ts'
import { isScope } from './scope.ts'
import { hashSecret, secretMatches } from './secret.ts'
import * as store from './store.ts'
import { defaultAudience } from './tokens/audience.ts'
import { generateSigningKey } from './tokens/token.ts'

/** What the operations on accounts need. `sql` may be a pool or a transaction. */
export type Accounts = { sql: Db; ids: Ids; clock: Clock }

export type Credentials = { client_id: string; client_secret: string }

/** What the first client of an account may do: everything. */
export const firstClientScopes: readonly string[] = [
  'admin:accounts',
  'admin:checkout',
  'admin:shopping',
  'admin:hooks',
  'admin:settlements',
  'admin:billing',
  'admin:reports',
]

/**
 * Creates an account with its signing key. Without `account_id` it gets a free random one: `T…`, or `P…` when `production`.
 * Throws `account_exists` (409) when the id is taken, `invalid_request` (400) when it is not an account id.
 */
export async function createAccount(
  { sql, ids, clock }: Accounts,
  options: { account_id?: string | undefined; name?: string | undefined; production?: boolean } = {},
): Promise<{ account_id: string }> {
  const { account_id: wanted, name, production = false } = options
  if (wanted !== undefined && !isAccountId(wanted)) {
    throw new ApiError('invalid_request', `An account id is T (test) or P (production) and eight digits, not "${wanted}".`)
  }
  for (;;) {
    const account_id = wanted ?? `${production ? 'P' : 'T'}${digits(ids)}`
    const key = await generateSigningKey(ids.short(account_id))
    if (await store.insertAccount(sql, { account_id, name, key, now: clock.now() })) return { account_id }
    if (wanted) throw new ApiError('account_exists', `Account ${wanted} exists already.`)
  }
}

/**
 * Creates an API client that may do `scopes` on its account. The secret is returned this once and stored only as a hash.
 * Throws `account_not_found` (404), `client_exists` (409), `invalid_request` (400) for a scope that does not follow the grammar, or
 * a `client_id` that holds a colon.
 */
export async function createClient(
  { sql, ids, clock }: Accounts,
  options: {
    account_id: string
    scopes: readonly string[]
    client_id?: string | undefined
    client_secret?: string | undefined
    name?: string | undefined
  },
): Promise<Credentials> {
  const { account_id, scopes, name } = options
  assertScopes(scopes)
  if (!(await store.findAccount(sql, account_id))) throw new ApiError('account_not_found', `There is no account ${account_id}.`)
  const client_id = options.client_id ?? ids.uuid()
  assertClientId(client_id)
  const client_secret = options.client_secret ?? ids.secret()
  const client = {
    ...(await newClient(ids, account_id, client_secret)),
    client_id,
    name,
    scopes,
    now: clock.now(),
    replace: false,
  }
  if (!(await store.insertClientAndGrant(sql, client))) {
    throw new ApiError('client_exists', `Account ${account_id} has, or had, a client ${client_id}.`)
  }
  return { client_id, client_secret }
}

/** Creates the account unless it is there. Safe when several processes do it at once. */
export async function ensureAccount(
  accounts: Accounts,
  options: { account_id: string; name?: string },
): Promise<{ created: boolean }> {
  if (await store.findAccount(accounts.sql, options.account_id)) return { created: false }
  try {
    await createAccount(accounts, options)
    return { created: true }
  } catch (error) {
    if (error instanceof ApiError && error.code === 'account_exists') return { created: false }
    throw error
  }
}

/**
 * Makes these credentials work on the account, whatever was there: creates the client, or gives it this secret and these scopes,
 * also when it was deleted. Changes nothing when they work already. Safe when several processes do it at once.
 */
export async function ensureClient(
  { sql, ids, clock }: Accounts,
  options: Credentials & { account_id: string; scopes?: readonly string[]; name?: string },
): Promise<void> {
  const { account_id, client_id, client_secret, scopes = firstClientScopes, name } = options
  assertScopes(scopes)
  assertClientId(client_id)
  const known = await store.findClientCredentials(sql, account_id, client_id)
  const works = known && (await secretMatches(client_secret, known.secret_hash))
  if (works && scopes.every((scope) => known.scopes.includes(scope))) return
  const client = {
    ...(await newClient(ids, account_id, client_secret)),
    client_id,
    name,
    scopes,
    now: clock.now(),
    replace: true,
  }
  // The same secret keeps its hash: another one would end the tokens that are out.
  await store.insertClientAndGrant(sql, works ? { ...client, secret_hash: known.secret_hash } : client)
}

/**
 * What a start needs: an account and a client to begin with. Settings that are given are made to work; what is not given is made
 * once, by one of the processes that start. `client_secret` is only there when the client was made, or given, now. A secret alone is
 * nobody's once there are clients: `invalid_request` (400), unless it is the secret of the first of them. To give it to that one would
 * end the secret of a shop that works.
 */
export async function ensureFirstClient(
  accounts: Accounts & { sql: Sql },
  settings: { account_id?: string | undefined; client_id?: string | undefined; client_secret?: string | undefined },
): Promise<{ account_id: string; account_created: boolean; client_id: string; client_secret?: string; client_created: boolean }> {
  return inTransaction(accounts.sql, async (sql) => {
    await store.lockFirstAccount(sql)
    const within = { ...accounts, sql }
    const known = settings.account_id ?? (await store.findFirstAccount(sql))
    const { account_id } = known ? { account_id: known } : await createAccount(within, {})
    const account_created = known ? (await ensureAccount(within, { account_id })).created : true
    const client_id = settings.client_id ?? (await store.findAnyClient(sql, account_id))
    if (settings.client_id && settings.client_secret) {
      const client_created = !(await store.findClientState(sql, account_id, settings.client_id))
      const credentials = { client_id: settings.client_id, client_secret: settings.client_secret }
      await ensureClient(within, { account_id, ...credentials })
      return { account_id, account_created, ...credentials, client_created }
    }
    const known_client = client_id && (await store.findClientCredentials(sql, account_id, client_id))
    if (known_client) {
      const given = settings.client_secret
      if (given !== undefined && !(await secretMatches(given, known_client.secret_hash))) {
        const how = `set KVITT_CLIENT_ID=${client_id} too, and that client gets it`
        throw new ApiError(
          'invalid_request',
          `KVITT_CLIENT_SECRET is not the secret of client ${client_id} on ${account_id}: ${how}.`,
        )
      }
      return { account_id, account_created, client_id, client_created: false }
    }
    const options = {
      account_id,
      client_id,
      client_secret: settings.client_secret,
      scopes: firstClientScopes,
      name: 'First client',
    }
    return { account_id, account_created, ...(await createClient(within, options)), client_created: true }
  })
}

/** Refuses the first text that does not follow the grammar of scopes: `invalid_request` (400). */
export function assertScopes(scopes: readonly string[]): void {
  const wrong = scopes.find((scope) => !isScope(scope))
  if (wrong === undefined) return
  throw new ApiError(
    'invalid_request',
    `"${wrong}" is not a scope; a scope is admin, write, read or create, a colon and a resource.`,
    {
      details: [{ path: '/scope', message: `"${wrong}" is not a scope.`, allowed: firstClientScopes }],
    },
  )
}

function assertClientId(client_id: string): void {
  if (isClientId(client_id)) return
  throw new ApiError('invalid_request', `A client id is 1 to 255 characters without a colon, not "${client_id}".`)
}

async function newClient(ids: Ids, account_id: string, client_secret: string) {
  const secret_hash = await hashSecret(client_secret, ids.secret())
  return { account_id, id: ids.uuid(), grant_id: ids.uuid(), secret_hash, audience: defaultAudience(account_id) }
}

/** Eight random digits. */
function digits(ids: Ids): string {
  return String(Number.parseInt(ids.uuid().slice(-8), 16) % 100_000_000).padStart(8, '0')
}
