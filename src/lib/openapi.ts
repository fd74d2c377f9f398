import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { addExamples } from './openapi-examples.ts'
import { openApiPage } from './openapi-page.ts'
import { statusMeanings } from './openapi-shared.ts'

export type OpenApi = {
  info: Record<string, unknown>
  paths: Record<string, Record<string, unknown>>
  components: { schemas: Record<string, unknown> }
  [member: string]: unknown
}

/**
 * The OpenAPI document of the routes that are registered, with each schema that has a `title` written once under `components`.
 * Paths are sorted, so that the order of registration leaves no trace.
 */
export function openApiDocument(app: FastifyInstance): OpenApi {
  const whole = app.swagger() as unknown as OpenApi
  const schemas: Record<string, unknown> = {}
  const paths = withMeanings(hoist(whole.paths, schemas) as OpenApi['paths'])
  addExamples(paths, schemas)
  const sorted = Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)))
  return { ...whole, paths: sorted, components: { ...whole.components, schemas } }
}

type Operation = {
  requestBody?: { required?: boolean; content?: Record<string, { schema?: object }> }
  responses?: Record<string, { description?: string }>
}

/** The answers without a description of their own get that of their status; a body that may be anything may be left out. */
function withMeanings(paths: OpenApi['paths']): OpenApi['paths'] {
  for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    const { requestBody, responses = {} } = operation as Operation
    const schemas = Object.values(requestBody?.content ?? {}).map(({ schema = {} }) => schema)
    if (schemas.some((schema) => !('type' in schema || '$ref' in schema || 'anyOf' in schema))) requestBody!.required = false
    for (const [status, response] of Object.entries(responses)) {
      if (response.description === 'Default Response') response.description = statusMeanings[status] ?? 'Done.'
    }
  }
  return paths
}

/** Puts the schemas that have a title into `schemas` and leaves references; two different ones of one title stay where they are. */
function hoist(value: unknown, schemas: Record<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((element) => hoist(element, schemas))
  if (typeof value !== 'object' || value === null) return value
  const object = Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, /^examples?$/.test(name) ? member : hoist(member, schemas)]),
  )
  const { title, type } = object as { title?: unknown; type?: unknown }
  if (typeof title !== 'string' || type === undefined) return object
  const name = title.replace(/[^A-Za-z0-9_.-]/g, '')
  schemas[name] ??= object
  return JSON.stringify(schemas[name]) === JSON.stringify(object) ? { $ref: `#/components/schemas/${name}` } : object
}

/** Those paths of a document that `wanted` says, with the schemas that they refer to. */
export function selectPaths(document: OpenApi, title: string, wanted: (path: string) => boolean): OpenApi {
  const paths = Object.fromEntries(Object.entries(document.paths).filter(([path]) => wanted(path)))
  const schemas: Record<string, unknown> = {}
  const follow = (value: unknown) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (schemas[name!]) continue
      schemas[name!] = document.components.schemas[name!]
      follow(schemas[name!])
    }
  }
  follow(paths)
  const ordered = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)))
  return { ...document, info: { ...document.info, title }, paths, components: { ...document.components, schemas: ordered } }
}

/** The reference of what this process serves: `/openapi.json` for tools, `/docs` for people. */
export const openApiRoutes: FastifyPluginAsync = async (app) => {
  let text: string | undefined
  app.get(
    '/openapi.json',
    {
      config: { access: 'public' },
      schema: { operationId: 'openapi_get', tags: ['reference'], summary: 'The OpenAPI document of this server', hide: true },
    },
    async (_request, reply) => {
      text ??= JSON.stringify(openApiDocument(app))
      return reply.type('application/json; charset=utf-8').serializer(String).send(text)
    },
  )
  let page: string | undefined
  app.get(
    '/docs',
    {
      config: { access: 'public' },
      schema: { operationId: 'docs_get', tags: ['reference'], summary: 'The reference as a page', hide: true },
    },
    async (_request, reply) => {
      page ??= openApiPage(openApiDocument(app))
      const policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
      return reply.type('text/html; charset=utf-8').header('content-security-policy', policy).serializer(String).send(page)
    },
  )
}
