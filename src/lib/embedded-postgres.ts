import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import postgres from 'postgres'
import { placeOf } from './db.ts'
import { type Cluster, hasCluster, openCluster } from './embedded-postgres/cluster.ts'
import { withLock } from './embedded-postgres/lock.ts'
import { ensureRunning, stopPostmaster } from './embedded-postgres/postmaster.ts'
import { inTime } from './in-time.ts'

/** The PostgreSQL that Kvitt runs itself, for as long as somebody uses it. */
export type EmbeddedPostgres = {
  url: string
  /** Another Kvitt process, or one that was killed, had it running already. */
  adopted: boolean
  /** Stops PostgreSQL, unless another Kvitt process still uses it: the last one out does. */
  close(): Promise<void>
}

type Options = {
  /** `false` only in tests: nothing survives a power cut, and everything is several times faster. */
  durable?: boolean
  /** `false`: throws when the folder has no database yet, instead of making one. */
  create?: boolean
  /** Told what a person should know: where things are when not in the data folder, that it came back after a crash. */
  note?: (message: string) => void
}

/** Every process that uses the database holds one connection of this name; nobody stops PostgreSQL while another does. */
const presence_name = 'kvitt presence'

/**
 * Starts the PostgreSQL of this data folder, or joins the one that is running on it: after a `kill -9` of Node it may have lived on.
 * Comes back by itself when PostgreSQL dies under it. Throws with what to do when it can't.
 */
export async function openEmbeddedPostgres(data_folder: string, options: Options = {}): Promise<EmbeddedPostgres> {
  const folder = resolve(data_folder)
  const note = options.note ?? (() => {})
  const durable = options.durable ?? true
  if (options.create === false && !hasCluster(folder)) {
    throw new Error(
      `There is no database in ${folder}. Set KVITT_DATA or DATABASE_URL to what the server has: npx kvitt start makes one.`,
    )
  }
  makeFolder(folder)
  let closing = false
  let presence: postgres.Sql | undefined

  const join = () =>
    withLock(folder, async () => {
      const cluster = await openCluster(folder, note)
      const adopted = await ensureRunning(cluster, { durable, note })
      if (closing) return { cluster, adopted }
      const { url, ...place } = placeOf(urlOf(cluster, 'postgres'))
      presence = postgres(url, {
        ...place,
        max: 1,
        max_lifetime: null,
        onnotice: () => {},
        connection: { application_name: presence_name },
        onclose: () => void rejoin(),
      })
      await ensureDatabase(presence)
      return { cluster, adopted }
    })

  // The presence connection broke: PostgreSQL was killed, or ran out of memory. Start it again, for as long as we are wanted.
  let rejoining = false
  const rejoin = async () => {
    if (closing || rejoining) return
    rejoining = true
    note('The connection to the embedded PostgreSQL broke; bringing it back.')
    while (!closing) {
      const broken = presence
      presence = undefined
      await broken?.end({ timeout: 0 }).catch(() => {})
      try {
        await join()
        note('The embedded PostgreSQL is back.')
        break
      } catch (error) {
        note(`The embedded PostgreSQL does not come back yet: ${(error as Error).message}`)
        await new Promise((wake) => setTimeout(wake, 1_000))
      }
    }
    rejoining = false
  }

  const { cluster, adopted } = await join()
  return {
    url: urlOf(cluster, 'kvitt'),
    adopted,
    async close() {
      if (closing) return
      closing = true
      await withLock(folder, async () => {
        // One that says nothing is left as it is: others may use it, and the next start joins it.
        const others = await inTime(countOthers(presence)).catch(() => 1)
        await presence?.end({ timeout: 1 }).catch(() => {})
        if (others === 0) await stopPostmaster(cluster)
      })
    },
  }
}

/** With those above it. Node's own `recursive` never ends where a folder can't be made in one that is there, such as /proc. */
function makeFolder(folder: string): void {
  if (!existsSync(dirname(folder))) makeFolder(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o755 })
  } catch (error) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

function urlOf({ password, port, socket_folder }: Cluster, database: string): string {
  const host = socket_folder === undefined ? '' : `?host=${encodeURIComponent(socket_folder)}`
  return `postgres://kvitt:${password}@127.0.0.1:${port}/${database}${host}`
}

async function ensureDatabase(sql: postgres.Sql): Promise<void> {
  const [row] = await sql`select from pg_database where datname = 'kvitt'`
  if (!row) await sql`create database kvitt`
}

async function countOthers(presence: postgres.Sql | undefined): Promise<number> {
  if (!presence) return 0
  try {
    const [row] = await presence<{ others: number }[]>`
      select count(*)::int as others from pg_stat_activity
      where application_name = ${presence_name} and pid <> pg_backend_pid()`
    return row?.others ?? 0
  } catch {
    return 0
  }
}
