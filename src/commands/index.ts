import type { Command } from './command.ts'

/** Every command, by name, loaded when it is used. A new one: a file here with one exported `Command`, and a line in this list. */
export const commands: Record<string, () => Promise<Command>> = {
  start: async () => (await import('./start.ts')).start,
  verify: async () => (await import('./verify.ts')).verifyCommand,
  listen: async () => (await import('./listen.ts')).listenCommand,
  trigger: async () => (await import('./trigger.ts')).triggerCommand,
  replay: async () => (await import('./replay.ts')).replayCommand,
  migrate: async () => (await import('./migrate.ts')).migrateCommand,
  'account create': async () => (await import('./account-create.ts')).accountCreate,
  'account list': async () => (await import('./account-list.ts')).accountList,
  'client create': async () => (await import('./client.ts')).clientCreate,
  'client rotate': async () => (await import('./client.ts')).clientRotate,
  'client list': async () => (await import('./client.ts')).clientList,
}
