import { type Db, json } from '../../lib/db.ts'
import type { ProfileData, ProfileRow } from './profile.ts'

/** What an account has set for all its sessions (checkout-api §8.2). */
export type AccountConfiguration = {
  configuration?: {
    payment_options?: { type: string; currencies: string[] }[]
    merchant?: { name?: string; logo_url?: string }
  }
}

/** By `profile_id` or by `id`, unless deleted; with the account's configuration, in one statement. */
export async function findProfile(
  db: Db,
  account_id: string,
  name: string,
): Promise<(ProfileRow & { account: AccountConfiguration | null }) | undefined> {
  const [row] = await db<(ProfileRow & { account: AccountConfiguration | null })[]>`
    select p.account_id, p.profile_id, p.id, p.data, p.created_at, p.created_by, p.updated_at, p.deleted_at, p.deleted_by,
           a.data as account
    from checkout.profiles p left join checkout.account_configurations a on a.account_id = p.account_id
    where p.account_id = ${account_id} and (p.profile_id = ${name} or p.id = ${name}) and p.deleted_at is null
    order by p.profile_id = ${name} desc
    limit 1`
  return row
}

/** Has, or had, the account a profile of this name? */
export async function isNameUsed(db: Db, account_id: string, profile_id: string): Promise<boolean> {
  const rows = await db`select from checkout.profiles where account_id = ${account_id} and profile_id = ${profile_id}`
  return rows.length > 0
}

/** A page of profiles by `profile_id`, deleted ones left out, after the one that `starting_after` names by `profile_id` or `id`. */
export function listProfiles(
  db: Db,
  account_id: string,
  page: { limit: number; starting_after: string | null },
): Promise<ProfileRow[]> {
  return db<ProfileRow[]>`
    select account_id, profile_id, id, data, created_at, created_by, updated_at, deleted_at, deleted_by
    from checkout.profiles
    where account_id = ${account_id} and deleted_at is null
      and (${page.starting_after}::text is null or profile_id > coalesce(
        (select profile_id from checkout.profiles where account_id = ${account_id} and id = ${page.starting_after}),
        ${page.starting_after}))
    order by account_id, profile_id
    limit ${page.limit}`
}

/** Inserts a profile under a name that was never used; one that was deleted stays deleted. */
export async function insertProfileOnce(
  db: Db,
  profile: { account_id: string; profile_id: string; id: string; data: ProfileData; at: Date },
): Promise<void> {
  const { account_id, profile_id, id, data, at } = profile
  await db`
    insert into checkout.profiles (account_id, profile_id, id, data, created_at, updated_at)
    values (${account_id}, ${profile_id}, ${id}, ${json(data)}, ${at}, ${at})
    on conflict do nothing`
}

/** Inserts a profile, or takes the name of a deleted one; nothing when the name is in use. */
export async function insertProfile(
  db: Db,
  profile: { account_id: string; profile_id: string; id: string; data: ProfileData; created_by: string | null; at: Date },
): Promise<ProfileRow | undefined> {
  const { account_id, profile_id, id, data, created_by, at } = profile
  const [row] = await db<ProfileRow[]>`
    insert into checkout.profiles as p (account_id, profile_id, id, data, created_at, created_by, updated_at)
    values (${account_id}, ${profile_id}, ${id}, ${json(data)}, ${at}, ${created_by}, ${at})
    on conflict (account_id, profile_id) do update
      set id = excluded.id, data = excluded.data, created_at = excluded.created_at, created_by = excluded.created_by,
          updated_at = excluded.updated_at, deleted_at = null, deleted_by = null
      where p.deleted_at is not null
    returning account_id, profile_id, id, data, created_at, created_by, updated_at, deleted_at, deleted_by`
  return row
}

/** Replaces what a profile says; nothing when there is none, or it was deleted. */
export async function replaceProfile(
  db: Db,
  { account_id, name, data, at }: { account_id: string; name: string; data: ProfileData; at: Date },
): Promise<ProfileRow | undefined> {
  const [row] = await db<ProfileRow[]>`
    update checkout.profiles set data = ${json(data)}, updated_at = ${at}
    where account_id = ${account_id} and (profile_id = ${name} or id = ${name}) and deleted_at is null
    returning account_id, profile_id, id, data, created_at, created_by, updated_at, deleted_at, deleted_by`
  return row
}

/** Marks a profile as deleted; nothing when there is none, or it was deleted before. */
export async function deleteProfile(
  db: Db,
  { account_id, name, deleted_by, at }: { account_id: string; name: string; deleted_by: string; at: Date },
): Promise<ProfileRow | undefined> {
  const [row] = await db<ProfileRow[]>`
    update checkout.profiles set deleted_at = ${at}, deleted_by = ${deleted_by}
    where account_id = ${account_id} and (profile_id = ${name} or id = ${name}) and deleted_at is null
    returning account_id, profile_id, id, data, created_at, created_by, updated_at, deleted_at, deleted_by`
  return row
}

/** What the account has set for all its sessions, if anything. */
export async function findAccountConfiguration(db: Db, account_id: string): Promise<AccountConfiguration | undefined> {
  const [row] = await db<{ data: AccountConfiguration }[]>`
    select data from checkout.account_configurations where account_id = ${account_id}`
  return row?.data
}

/** Replaces what the account has set. */
export async function saveAccountConfiguration(
  db: Db,
  { account_id, data, updated_by, at }: { account_id: string; data: AccountConfiguration; updated_by: string; at: Date },
): Promise<void> {
  await db`
    insert into checkout.account_configurations (account_id, data, updated_at, updated_by)
    values (${account_id}, ${json(data)}, ${at}, ${updated_by})
    on conflict (account_id) do update
      set data = excluded.data, updated_at = excluded.updated_at, updated_by = excluded.updated_by`
}
