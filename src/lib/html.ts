import { asText } from './object.ts'

/** HTML that is safe to send: made only by `html`, so that text can't pass for it. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }

  toString(): string {
    return this.markup
  }
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text as it stands between tags, or in an attribute between quotes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!)
}

type Value = Html | string | number | boolean | null | undefined | readonly Value[]

function markup(value: Value): string {
  if (value === null || value === undefined || typeof value === 'boolean') return ''
  if (value instanceof Html) return value.markup
  if (Array.isArray(value)) return value.map(markup).join('')
  return escapeHtml(asText(value) ?? '')
}

/**
 * A template of HTML: everything put into it is escaped, except other templates. Lists are joined; `false`, `null` and `undefined`
 * vanish, as does whatever else is no text: shops send members that no schema describes.
 * Attributes must be quoted in the template, and no value may stand inside `<script>` or `<style>` (see `scriptJson`).
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(strings.reduce((text, string, index) => text + markup(values[index - 1]) + string))
}

/** A link that a browser may follow: `http`, `https`, or an app's own scheme; never `javascript:`, `data:` or their like. */
export function safeHref(url: string | undefined): string | undefined {
  if (!url || !URL.canParse(url)) return undefined
  return /^(javascript|data|vbscript|blob|file|about):$/.test(new URL(url).protocol) ? undefined : url
}

/** A JSON value in a data block (`<script type="application/json">`), which is never run. */
export function scriptJson(id: string, value: unknown): Html {
  const text = JSON.stringify(value)
    .replace(/</g, '\\u003c')
    .replace(/\u2028/g, '\\u2028')
    .replace(/\u2029/g, '\\u2029')
  return new Html(`<script type="application/json" id="${escapeHtml(id)}">${text}</script>`)
}
