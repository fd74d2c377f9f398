import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The comment that stands right above each limit in `src/lib/limits.ts`, in one line. */
export function limitComments(): Map<string, string> {
  const source = readFileSync(join(import.meta.dirname, '../src/lib/limits.ts'), 'utf8')
  const comments = new Map<string, string>()
  for (const [, comment, name] of source.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+):/g)) {
    const words = comment!
      .replace(/^\s*\*/gm, '')
      .replace(/\s+/g, ' ')
      .trim()
    comments.set(name!, words.replaceAll('|', '\\|'))
  }
  return comments
}
