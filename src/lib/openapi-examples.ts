import { publishedCodes } from './errors.ts'
import { statusMeanings } from './openapi-shared.ts'

type Schema = {
  $ref?: string
  type?: unknown
  items?: Schema
  allOf?: Schema[]
  examples?: unknown[]
  properties?: Record<string, Schema>
  required?: string[]
}
type Media = { schema?: Schema; example?: unknown; examples?: unknown }
type Body = { content?: Record<string, Media> }
type Schemas = Record<string, unknown>

/** Gives every JSON body that has no example the one of its schema, or one made of the examples of its parts. */
export function addExamples(paths: Record<string, Record<string, unknown>>, schemas: Schemas): void {
  for (const [path, methods] of Object.entries(paths)) {
    for (const operation of Object.values(methods)) {
      const { requestBody, responses = {} } = operation as { requestBody?: Body; responses?: Record<string, Body> }
      fill(requestBody, (schema) => exampleOf(schema, schemas))
      for (const [status, response] of Object.entries(responses)) {
        const refused = Number(status) >= 400
        fill(response, (schema) => (refused ? errorOf(status, path.includes('/shopping/')) : exampleOf(schema, schemas)))
      }
    }
  }
}

function fill(body: Body | undefined, make: (schema: Schema) => unknown): void {
  const media = body?.content?.['application/json']
  if (!media?.schema || media.example !== undefined || media.examples !== undefined) return
  const example = make(media.schema)
  if (example !== undefined) media.example = example
}

function exampleOf(schema: Schema, schemas: Schemas): unknown {
  const { $ref, examples, allOf, items, properties, required = [] } = schema
  if ($ref) return exampleOf(schemas[$ref.split('/').at(-1)!] as Schema, schemas)
  if (examples?.length) return examples[0]
  if (allOf) return Object.assign({}, ...allOf.map((part) => exampleOf(part, schemas) as object))
  if (items) {
    const one = exampleOf(items, schemas)
    return one === undefined ? undefined : [one]
  }
  if (!properties) return undefined
  const members = required.map((name) => [name, exampleOf(properties[name] ?? {}, schemas)] as const)
  return members.length > 0 && members.every(([, value]) => value !== undefined) ? Object.fromEntries(members) : undefined
}

/** The envelope with the published code of the status. The Orders API names our own codes there, which differ by operation. */
function errorOf(status: string, orders: boolean): unknown {
  const message = statusMeanings[status] ?? 'The request was refused.'
  const code = publishedCodes[Number(status)]
  return orders ? { error: { message } } : { error: { ...(code ? { code } : {}), message, errors: [{ message }] }, message }
}
