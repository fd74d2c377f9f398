import { escapeHtml } from './html.ts'
import type { OpenApi } from './openapi.ts'

type Operation = {
  operationId?: string
  tags?: string[]
  summary?: string
  description?: string
  parameters?: { name: string; in: string; required?: boolean; schema?: unknown; description?: string }[]
  requestBody?: { content?: Record<string, { schema?: unknown }> }
  responses?: Record<string, { description?: string; content?: Record<string, { schema?: unknown }> }>
}
type Entry = Operation & { method: string; path: string; tag: string }

/** The reference as one page of HTML for a browser: every operation by tag, with its parameters, bodies and answers. No scripts. */
export function openApiPage(document: OpenApi): string {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => {
      const { tags } = operation as Operation
      return { ...(operation as Operation), method: method.toUpperCase(), path, tag: tags?.[0] ?? 'other' }
    }),
  )
  const tags = [...new Set(entries.map(({ tag }) => tag))].sort()
  const links = tags.map((tag) => `<a href="#${escapeHtml(tag)}">${escapeHtml(tag)}</a>`).join(' ')
  const sections = tags.map(
    (tag) =>
      `<h2 id="${escapeHtml(tag)}">${escapeHtml(tag)}</h2>${entries
        .filter((entry) => entry.tag === tag)
        .map(entryHtml)
        .join('')}`,
  )
  const schemas = Object.entries(document.components.schemas).map(([name, schema]) => schemaHtml(name, schema))
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Kvitt: reference</title><style>${style}</style><main><h1>Kvitt: reference</h1>
<p>For tools: <a href="/openapi.json">openapi.json</a></p><nav>${links} <a href="#schemas">schemas</a></nav>
${sections.join('\n')}<h2 id="schemas">schemas</h2>${schemas.join('')}</main></html>`
}

function entryHtml({
  method,
  path,
  summary,
  description,
  operationId,
  parameters = [],
  requestBody,
  responses = {},
}: Entry): string {
  const rows = parameters.map(
    ({ name, in: place, required, schema, description: text }) =>
      `<li><code>${escapeHtml(name)}</code> in ${place}${required ? ', required' : ''} ${escapeHtml(text ?? '')} ${inline(schema)}</li>`,
  )
  const answers = Object.entries(responses).map(
    ([status, { content }]) =>
      `<li><b>${escapeHtml(status)}</b> ${Object.values(content ?? {})
        .map(({ schema }) => body(schema))
        .join('')}</li>`,
  )
  const [media] = Object.values(requestBody?.content ?? {})
  return `<details id="${escapeHtml(operationId ?? '')}"><summary><b class="${method}">${method}</b> <code>${escapeHtml(path)}</code>
 ${escapeHtml(summary ?? '')}</summary>${description ? `<p>${escapeHtml(description)}</p>` : ''}
${rows.length > 0 ? `<h4>Parameters</h4><ul>${rows.join('')}</ul>` : ''}${media ? `<h4>Body</h4>${body(media.schema)}` : ''}
<h4>Answers</h4><ul>${answers.join('')}</ul></details>`
}

function schemaHtml(name: string, schema: unknown): string {
  return `<details id="schema-${escapeHtml(name)}"><summary><code>${escapeHtml(name)}</code></summary>${body(schema)}</details>`
}

function body(schema: unknown): string {
  const { $ref } = (schema ?? {}) as { $ref?: string }
  return $ref ? inline(schema) : `<pre>${linked(escapeHtml(JSON.stringify(schema, null, 2) ?? ''))}</pre>`
}

function inline(schema: unknown): string {
  return schema === undefined ? '' : `<code>${linked(escapeHtml(JSON.stringify(schema)))}</code>`
}

/** Turns references to named schemas into links. */
function linked(html: string): string {
  return html.replace(/#\/components\/schemas\/([A-Za-z0-9_.-]+)/g, '<a href="#schema-$1">$1</a>')
}

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:0;color:#1b1f24;background:#fff}main{max-width:60rem;margin:auto;padding:1rem}
code,pre{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}pre{background:#f4f5f7;padding:.7rem;overflow:auto;max-height:30rem}
details{border-top:1px solid #ddd;padding:.4rem 0}summary{cursor:pointer}h4{margin:.6rem 0 .2rem}
nav a{display:inline-block;min-height:24px;margin-right:.7rem}
.GET{color:#0b6b3a}.POST{color:#8a4b00}.PUT,.PATCH{color:#1f4fa3}.DELETE{color:#a11}`
