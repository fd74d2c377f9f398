import type { Parts } from '../../app.ts'
import type { PaymentProduct } from '../../gateways/gateway.ts'
import { ApiError } from '../../lib/errors.ts'
import { isAccountId } from '../../lib/ids.ts'
import { limits } from '../../lib/limits.ts'
import { activeProducts } from './configuration.ts'
import { type BriefMemory, createBriefMemory } from './memory.ts'
import { defaultProfile, type ProfileIn, type ProfileRow, profileData } from './profile.ts'
import * as store from './store.ts'

export type ProfileParts = Pick<Parts, 'sql' | 'clock' | 'ids' | 'gateways'>

/**
 * Gives the account its `default` profile, if it never had one: what this account's gateways can do, one product of each kind on.
 * It is made when it is first asked for, so that an account needs nothing but itself, however it was made.
 */
export async function ensureDefaultProfile(parts: ProfileParts, account_id: string): Promise<void> {
  const { sql, clock, ids, gateways } = parts
  const data = profileData(defaultProfile(gateways.products(account_id)))
  const id = ids.short(account_id)
  await store.insertProfileOnce(sql, { account_id, profile_id: 'default', id, data, at: clock.now() })
}

/** Creates a profile; its `profile_id` is generated when absent. Refuses a name in use with 409. */
export async function createProfile(
  parts: ProfileParts,
  request: { account_id: string; created_by: string; profile: ProfileIn },
): Promise<ProfileRow> {
  const { sql, clock, ids } = parts
  const { account_id, created_by, profile } = request
  const id = ids.short(account_id)
  const profile_id = profile.profile_id ?? id
  const row = await store.insertProfile(sql, {
    account_id,
    profile_id,
    id,
    data: profileData(profile),
    created_by,
    at: clock.now(),
  })
  forget(parts, account_id)
  if (!row) throw new ApiError('profile_exists', `The account has a profile ${profile_id}.`, { details: [nameTaken(profile_id)] })
  return row
}

const nameTaken = (profile_id: string) => ({ path: '/profile_id', message: `${profile_id} is in use.` })

/** One profile, by `profile_id` or `id`; 404 when there is none. */
export async function readProfile(parts: ProfileParts, account_id: string, name: string): Promise<ProfileRow> {
  return (await findProfile(parts, account_id, name)) ?? notFound(name)
}

/** The stored profile; `default` is made now if the account never had it. */
async function findProfile(parts: ProfileParts, account_id: string, name: string) {
  const found = await store.findProfile(parts.sql, account_id, name)
  if (found || name !== 'default') return found
  await ensureDefaultProfile(parts, account_id)
  return store.findProfile(parts.sql, account_id, name)
}

/**
 * The products that a profile has switched on, for whoever asks without a credential: nothing is stored for it. A `default` that was never
 * asked for by its account is shown as it would be made. 404 when there is none.
 */
export async function productsOfProfile({ sql, gateways }: ProfileParts, account_id: string, name: string): Promise<string[]> {
  if (!isAccountId(account_id)) return notFound(name.slice(0, 100))
  const products = gateways.products(account_id)
  const found = await store.findProfile(sql, account_id, name)
  if (found) return activeProducts(found.data.configuration, availableProducts(products, found.account))
  if (name !== 'default' || products.length === 0 || (await store.isNameUsed(sql, account_id, name))) {
    return notFound(name.slice(0, 100))
  }
  return activeProducts(defaultProfile(products).configuration, products)
}

/** A page of profiles by `profile_id`. */
export async function listProfiles(
  parts: ProfileParts,
  account_id: string,
  page: { limit?: number; starting_after?: string },
): Promise<ProfileRow[]> {
  const { limit = limits.page_size_default, starting_after = null } = page
  const list = () => store.listProfiles(parts.sql, account_id, { limit, starting_after })
  const profiles = await list()
  if (profiles.length > 0 || starting_after !== null) return profiles
  await ensureDefaultProfile(parts, account_id)
  return list()
}

/** Replaces a profile; 404 when there is none. Sessions made before keep what they were made with. */
export async function updateProfile(
  parts: ProfileParts,
  request: { account_id: string; name: string; profile: ProfileIn },
): Promise<ProfileRow> {
  const { account_id, name, profile } = request
  const row = await store.replaceProfile(parts.sql, { account_id, name, data: profileData(profile), at: parts.clock.now() })
  forget(parts, account_id)
  return row ?? notFound(name)
}

/** Deletes a profile; 404 when there is none. */
export async function removeProfile(
  parts: ProfileParts,
  request: { account_id: string; name: string; deleted_by: string },
): Promise<ProfileRow> {
  const row = await store.deleteProfile(parts.sql, { ...request, at: parts.clock.now() })
  forget(parts, request.account_id)
  return row ?? notFound(request.name)
}

function notFound(name: string): never {
  throw new ApiError('profile_not_found', `The account has no profile ${name}.`)
}

/** What the account has set for all its sessions, with the payment options it really has (checkout-api §8.2). */
export async function readAccountConfiguration({ sql, gateways }: ProfileParts, account_id: string) {
  const account = await store.findAccountConfiguration(sql, account_id)
  const payment_options = availableProducts(gateways.products(account_id), account).map(
    ({ payment_product_type: type, currencies }) => ({ type, currencies: currencies === 'any' ? ['any'] : [...currencies] }),
  )
  return { configuration: { ...account?.configuration, payment_options } }
}

/** Sets which products and currencies the account offers, and its name and logo. */
export async function writeAccountConfiguration(
  parts: ProfileParts,
  request: { account_id: string; updated_by: string; data: store.AccountConfiguration },
) {
  const { account_id, updated_by, data } = request
  await store.saveAccountConfiguration(parts.sql, { account_id, data, updated_by, at: parts.clock.now() })
  forget(parts, account_id)
  return readAccountConfiguration(parts, account_id)
}

/** The products of the gateways, narrowed to the account's `payment_options` when it has set any. */
export function availableProducts(
  products: readonly PaymentProduct[],
  account: store.AccountConfiguration | null | undefined,
): readonly PaymentProduct[] {
  const options = account?.configuration?.payment_options
  if (!options) return products
  const byType = new Map(options.map(({ type, currencies }) => [type, currencies]))
  return products.flatMap((product) => {
    const wanted = byType.get(product.payment_product_type)
    if (!wanted) return []
    if (wanted.includes('any')) return [product]
    const { currencies } = product
    return [
      { ...product, currencies: currencies === 'any' ? wanted : wanted.filter((currency) => currencies.includes(currency)) },
    ]
  })
}

/** What new sessions are made from. */
export type SessionDefaults = { profile: ProfileRow | undefined; account: store.AccountConfiguration | null | undefined }

const remembered = new WeakMap<object, BriefMemory<SessionDefaults>>()

/**
 * The profile (when named) and the account's configuration, from memory for at most `limits.profile_memory_ms`: what another process
 * changes is seen within that time, what this one changes at once.
 */
export async function findSessionDefaults(
  parts: ProfileParts,
  account_id: string,
  profile_id: string | undefined,
): Promise<SessionDefaults> {
  const memory = memoryOf(parts)
  const key = `${account_id} ${profile_id ?? ''}`
  const now = parts.clock.now().getTime()
  const known = memory.get(key, now)
  if (known) return known
  let defaults: SessionDefaults
  if (profile_id === undefined) {
    defaults = { profile: undefined, account: await store.findAccountConfiguration(parts.sql, account_id) }
  } else {
    const profile = await findProfile(parts, account_id, profile_id)
    defaults = { profile, account: profile?.account }
    if (!profile) return defaults
  }
  memory.set(key, defaults, now)
  return defaults
}

function memoryOf({ sql }: ProfileParts): BriefMemory<SessionDefaults> {
  const { profile_memory_ms: lifetime_ms, profiles_remembered: entries_max } = limits
  const memory = remembered.get(sql) ?? createBriefMemory<SessionDefaults>({ lifetime_ms, entries_max })
  remembered.set(sql, memory)
  return memory
}

function forget(parts: ProfileParts, account_id: string): void {
  memoryOf(parts).forget(`${account_id} `)
}
