import type { Db } from '../../lib/db.ts'
import type { SignatureSecret } from './signature.ts'

type Row = { id: string; secret: string; created_at: Date; created_by: string }

/** The account's secret for `Dintero-Signature`, if it has one. */
export async function findSignature(db: Db, account_id: string): Promise<SignatureSecret | undefined> {
  const [row] = await db<Row[]>`
    select id, secret, created_at, created_by from notifications.signatures where account_id = ${account_id}`
  return row && shown(row)
}

/** Gives the account a secret; a new one takes the place of the old. */
export async function insertSignature(
  db: Db,
  account_id: string,
  signature: { id: string; secret: string; created_at: Date; created_by: string },
): Promise<SignatureSecret> {
  const { id, secret, created_at, created_by } = signature
  await db`
    with changed as (
      insert into notifications.signatures (account_id, id, secret, created_at, created_by)
      values (${account_id}, ${id}, ${secret}, ${created_at}, ${created_by})
      on conflict (account_id) do update set id = excluded.id, secret = excluded.secret, created_at = excluded.created_at,
        created_by = excluded.created_by
      returning account_id
    )
    select from changed`
  return shown(signature)
}

function shown({ id, secret, created_at, created_by }: Row): SignatureSecret {
  return { id, created_at: created_at.toISOString(), created_by, signature: { type: 'v0-hmac-sha256', secret } }
}
