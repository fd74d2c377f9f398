import { type Schema, schemas } from '../lib/migrate.ts'
import { type Command, list, UsageError } from './command.ts'
import { migrateDatabase, openDatabase } from './open-database.ts'

export const migrateCommand: Command = {
  name: 'migrate',
  summary: 'Brings the database up to date, without starting the server.',
  usage: '[--schemas accounts,notifications,…]',
  help: `
\`kvitt start\` does this by itself. Use this command to migrate before a release starts, for example from a deployment job.
Each migration runs once, in a transaction; several processes may run this at the same time.

Options:
  --schemas  Only these PostgreSQL schemas, separated by commas. All: ${schemas.join(', ')}.

Environment: DATABASE_URL, or KVITT_DATA for the embedded PostgreSQL.`,
  options: { schemas: { type: 'string' } },
  async run({ config, values, print }) {
    const named = list(values, 'schemas') ?? [...schemas]
    const unknown = named.find((name) => !(schemas as readonly string[]).includes(name))
    if (unknown !== undefined) throw new UsageError(`There is no schema \`${unknown}\`: ${schemas.join(', ')}.`)
    const database = await openDatabase(config, print, { max: 2, create: true })
    try {
      const applied = await migrateDatabase(database.sql, named as Schema[], (name) => print(`applying ${name}`))
      print(applied.length > 0 ? `${applied.length} migrations applied.` : 'Nothing to do: the database is up to date.')
    } finally {
      await database.close()
    }
  },
}
