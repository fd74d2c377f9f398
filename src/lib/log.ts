import { type Logger, pino } from 'pino'

/** JSON lines on standard output. Credentials never reach it: headers and bodies are not logged, and these paths are cut. */
export function createLog(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['*.authorization', '*.client_secret', '*.secret', '*.access_token', '*.number', '*.cvc', '*.headers'],
  })
}
