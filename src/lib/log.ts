import { type DestinationStream, type Logger, pino } from 'pino'

/**
 * JSON lines on standard output. Credentials never reach it: headers and bodies are not logged, and these paths are cut. `detail` is where
 * PostgreSQL repeats the row that it refused.
 */
export function createLog(level: string, destination: DestinationStream = standardOutput()): Logger {
  const redact = [
    '*.authorization',
    '*.client_secret',
    '*.secret',
    '*.access_token',
    '*.number',
    '*.cvc',
    '*.headers',
    '*.detail',
  ]
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, redact }
  return pino(options, destination)
}

// Lines are gathered while one is being written, so that a slow reader of our output does not slow requests down.
const standardOutput = () => pino.destination({ dest: 1, sync: false })
