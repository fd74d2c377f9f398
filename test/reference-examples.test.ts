import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'

type Media = { schema?: object; example?: unknown; examples?: Record<string, { value: unknown }> }
type Body = { content?: Record<string, Media> }
type Operation = { operationId: string; requestBody?: Body; responses: Record<string, Body> }

const document = JSON.parse(readFileSync(join(import.meta.dirname, '../docs/openapi/checkout.json'), 'utf8'))
const ajv = new Ajv({ strict: false })
ajvFormats.default(ajv)
ajv.addKeyword('minor_units')
ajv.addSchema({ ...document, $id: 'checkout' })

const methods = Object.values(document.paths) as Record<string, Operation>[]
for (const operation of methods.flatMap((path) => Object.values(path))) {
  const { operationId, requestBody, responses } = operation
  test(`reference: ${operationId} shows a body for the request and each answer, as its schema says`, () => {
    for (const [what, body] of [['request', requestBody] as const, ...Object.entries(responses)]) {
      const media = body?.content?.['application/json']
      if (!media?.schema) continue
      const shown = media.examples ? Object.values(media.examples).map(({ value }) => value) : [media.example]
      const validate = ajv.compile(JSON.parse(JSON.stringify(media.schema).replaceAll('"#/', '"checkout#/')))
      for (const example of shown) {
        assert.notEqual(example, undefined, `the ${what} has no example`)
        assert.ok(validate(example), `the example of the ${what} is none: ${ajv.errorsText(validate.errors)}`)
      }
    }
  })
}
