import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, Failure, type Options, UsageError } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { type Config, readConfig } from './lib/config.ts'
import { ApiError } from './lib/errors.ts'

/** The command line. Sets the exit code: 0 done, 1 it did not work, 2 the line was wrong. */
async function main(args: string[]): Promise<void> {
  if (args[0] === '--version' || args[0] === '-v') return print(version())
  if (args[0] === undefined || args[0] === '--help' || args[0] === '-h' || args[0] === 'help') {
    const named = args[0] === 'help' ? await findCommand(args.slice(1)) : undefined
    return print(named ? commandHelp(named.command) : await help())
  }
  const found = await findCommand(args)
  if (!found) throw new UsageError(`There is no command \`${args.join(' ')}\`. ${alternatives(args[0])}`)
  const { command, rest } = found
  const { values, positionals } = parse(command, rest)
  if (values.help) return print(commandHelp(command))
  await command.run({ config: config(), values, positionals, print, through_npm: process.env.npm_lifecycle_event !== undefined })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function findCommand(args: string[]): Promise<{ command: Command; rest: string[] } | undefined> {
  for (const words of [2, 1]) {
    const load = commands[args.slice(0, words).join(' ')]
    if (load && args.length >= words) return { command: await load(), rest: args.slice(words) }
  }
  return undefined
}

/** What may have been meant: the commands that begin with the same word, or where to look. */
function alternatives(word: string): string {
  const alike = Object.keys(commands).filter((name) => name.startsWith(`${word} `))
  return alike.length > 0 ? `There are ${alike.map((name) => `\`${name}\``).join(', ')}.` : 'Try `kvitt --help`.'
}

function parse(command: Command, args: string[]) {
  const options: Options = { ...command.options, help: { type: 'boolean', short: 'h' } }
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}. Try \`kvitt ${command.name} --help\`.`)
  }
}

function config(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    throw new Failure((error as Error).message)
  }
}

async function help(): Promise<string> {
  const all = await Promise.all(Object.values(commands).map((load) => load()))
  const width = Math.max(...all.map(({ name }) => name.length))
  return `Kvitt: order management and checkout that a merchant runs itself.

Usage: kvitt <command> [options]

Commands:
${all.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

Options:
  --help     This text; after a command, what that command does.
  --version  The version of Kvitt.

Settings come from the environment: PORT (8080), HOST (0.0.0.0), DATABASE_URL (unset: Kvitt runs a PostgreSQL of its own),
KVITT_DATA (./data), KVITT_PUBLIC_URL, KVITT_ACCOUNT_ID, KVITT_CLIENT_ID, KVITT_CLIENT_SECRET, KVITT_LOG (info).
docs/operations.md tells about all of them.`
}

function commandHelp({ name, usage, summary, help }: Command): string {
  return `Usage: kvitt ${name}${usage ? ` ${usage}` : ''}\n\n${summary}\n\n${help.trim()}`
}

function version(): string {
  return (JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as { version: string }).version
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const known = error instanceof UsageError || error instanceof Failure || error instanceof ApiError
  process.stderr.write(`kvitt: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
// What a command left open (a connection that is ending) must not keep the process.
if (process.exitCode) process.exit()
