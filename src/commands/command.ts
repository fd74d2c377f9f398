import type { ParseArgsConfig } from 'node:util'
import type { Config } from '../lib/config.ts'

export type Options = NonNullable<ParseArgsConfig['options']>
export type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

/** What a command is run with. */
export type Invocation = {
  config: Config
  /** The options given, by name. */
  values: Values
  /** What stands on the line besides options. */
  positionals: string[]
  /** Started through npm or npx: should those be killed, nobody passes signals on, and the server stops by itself. */
  through_npm: boolean
  /** Writes a line to standard output. */
  print(line: string): void
}

/** One command of the command line: a file in this folder, listed in `index.ts`. */
export type Command = {
  /** One or two words: `start`, `account create`. */
  name: string
  /** One line for the list of commands. */
  summary: string
  /** What follows the name, such as `[all|orders] [--workers N]`. */
  usage: string
  /** Everything `--help` says below the usage: what it does, each option, examples. */
  help: string
  options: Options
  /** How many words it takes besides options, at most; none when left out. */
  words?: number
  /** Resolves when the command is done; `start` resolves when it has stopped. Throw `UsageError` for a wrong argument. */
  run(invocation: Invocation): Promise<void>
}

/** The line was wrong: said without a stack, together with where the help is; exit code 2. */
export class UsageError extends Error {}

/** Something outside is not as it must be (a port, a file, a database): said without a stack; exit code 1. */
export class Failure extends Error {}

/** An option as text, or undefined when it was not given. It is never empty: `main.ts` refuses that. */
export function text(values: Values, name: string): string | undefined {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/** An option as a list, separated by spaces or commas, or undefined when it was not given. */
export function list(values: Values, name: string): string[] | undefined {
  const found = text(values, name)
    ?.split(/[\s,]+/)
    .filter(Boolean)
  if (found?.length === 0) throw new UsageError(`--${name} names nothing.`)
  return found
}

/** An option as text that has to be there. */
export function requiredText(values: Values, name: string): string {
  const value = text(values, name)
  if (value === undefined) throw new UsageError(`--${name} is required.`)
  return value
}
