import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Command, Failure, type Options, UsageError } from './commands/command.ts'
import { commands } from './commands/index.ts'
import { type Config, readConfig } from './lib/config.ts'
import { ApiError } from './lib/errors.ts'
import { limits } from './lib/limits.ts'

/** The command line. Sets the exit code: 0 done, 1 it did not work, 2 the line was wrong. */
async function main(args: string[]): Promise<void> {
  if (args[0] === '--version' || args[0] === '-v') return print(version())
  if (args[0] === undefined || args[0] === '--help' || args[0] === '-h' || args[0] === 'help') {
    if (args[1] === undefined || args[1].startsWith('-')) return print(await help())
    return main([...args.slice(1), '--help'])
  }
  const found = await findCommand(args)
  if (!found) {
    const alike = Object.keys(commands).filter((name) => name.startsWith(`${args[0]} `))
    if (alike.length > 0 && /^(--help|-h)$/.test(args[1] ?? ''))
      return print(`Usage: kvitt ${args[0]} <command> [options]\n\n${await listOf(alike)}`)
    throw new UsageError(`There is no command \`${args.join(' ')}\`. ${alternatives(alike)}`)
  }
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
    const name = args.slice(0, words).join(' ')
    if (args.length >= words && Object.hasOwn(commands, name))
      return { command: await commands[name]!(), rest: args.slice(words) }
  }
  return undefined
}

/** What may have been meant: the commands that begin with the same word, or where to look. */
function alternatives(alike: string[]): string {
  return alike.length > 0 ? `There are ${alike.map((name) => `\`${name}\``).join(', ')}.` : 'Try `kvitt --help`.'
}

function parse(command: Command, args: string[]) {
  const options: Options = { ...command.options, help: { type: 'boolean', short: 'h' } }
  const refuse = (why: string) => new UsageError(`${why}. Try \`kvitt ${command.name} --help\`.`)
  const parsed = parseOrRefuse(args, options, refuse)
  if (parsed.values.help) return parsed
  // What `--scopes "$UNSET"` gives must not mean the same as no option, which may be more than anybody wanted.
  const empty = Object.entries(parsed.values).find(([, value]) => typeof value === 'string' && value.trim() === '')
  if (empty) throw refuse(`--${empty[0]} is given without a value`)
  const surplus = parsed.positionals[command.words ?? 0]
  if (surplus !== undefined) throw refuse(`\`${surplus}\` is one word too many`)
  return parsed
}

function parseOrRefuse(args: string[], options: Options, refuse: (why: string) => UsageError) {
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    // Some of Node's messages are several sentences, or lines.
    const [why = ''] = (error as Error).message.split('. ')
    throw refuse(why.replaceAll('\n', ' ').replace(/\.$/, ''))
  }
}

function config(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    throw new Failure((error as Error).message)
  }
}

async function listOf(names: string[]): Promise<string> {
  const listed = await Promise.all(names.map((name) => commands[name]!()))
  const width = Math.max(...names.map((name) => name.length))
  return `Commands:\n${listed.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}`
}

async function help(): Promise<string> {
  return `Kvitt: order management and checkout that a merchant runs itself.

Usage: kvitt <command> [options]

${await listOf(Object.keys(commands))}

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

/** It takes no writes (25006), has no room (53…), is stopping (57P…), lacks a right (42501), or is gone: no bug of ours, so no stack. */
function isOfDatabase(error: unknown): error is Error {
  return (
    error instanceof Error &&
    /^(25006|53...|57P..|42501|CONNECT(ION_CLOSED|ION_DESTROYED|_TIMEOUT))$/.test(String((error as { code?: unknown }).code))
  )
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const known = error instanceof UsageError || error instanceof Failure || error instanceof ApiError || isOfDatabase(error)
  process.stderr.write(`kvitt: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
// What a command left open (a connection that is ending) must not keep the process: not at all when it failed, and else not for long.
if (process.exitCode) process.exit()
setTimeout(() => process.exit(), limits.linger_ms).unref()
