import { Ajv, type Options, type ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'
import type { FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify'
import type { TSchema } from 'typebox'
import Type from 'typebox'
import { roundAmount } from './currency.ts'
import { limits } from './limits.ts'
import { pointerStep } from './object.ts'

const words = new Map<string, string>()

/** Text that fits an expression. `allowed` says in words what may be sent: it is told to whoever sends something else. */
export function TextLike(pattern: string, allowed: string, options: Type.TStringOptions = {}) {
  words.set(pattern, allowed)
  return Type.String({ pattern, ...options })
}

/** A URL that our server calls, or that the customer's browser opens. */
export const HttpUrl = TextLike('^https?://.', 'a URL that begins with https:// or http://')

/**
 * An amount in minor units, on the way in. Shops send floats such as 29989.999999999996 (clients §4.4): any number is
 * rounded to the nearest unit before the route sees it. Bounded, so that sums stay safe integers.
 */
export const AmountIn = Type.Number({
  minor_units: true,
  minimum: -limits.amount_max,
  maximum: limits.amount_max,
  description: 'In the smallest unit of the currency; rounded to the nearest whole unit.',
})
/** The same, where a negative amount makes no sense. */
export const PositiveAmountIn = Type.Number({
  minor_units: true,
  minimum: 0,
  maximum: limits.amount_max,
  description: 'In the smallest unit of the currency; rounded to the nearest whole unit.',
})
/** An amount in minor units, on the way out: always a whole number. */
export const Amount = Type.Integer({ description: 'In the smallest unit of the currency.' })
export const Currency = TextLike('^[A-Z]{3}$', 'three capital letters, a currency of ISO 4217', { description: 'ISO 4217.' })
export const DateTime = Type.String({ format: 'date-time', description: 'ISO 8601, UTC, milliseconds.' })
export const Reference = Type.String({ maxLength: limits.reference_length_max })
/** A free JSON object that is stored and echoed. */
export const FreeObject = Type.Record(Type.String(), Type.Unknown())
/** A JSON line id: the two contracts write it as a number here and as text there (orders-api §6 no. 20). */
export const LineIdIn = Type.Unsafe<number | string>({ type: ['integer', 'string'], maxLength: limits.reference_length_max })

/** The envelope of every answer that is not 2xx (orders-api §1.2, checkout-api §1.8). */
export const ErrorEnvelope = Type.Object(
  {
    error: Type.Object({
      code: Type.Optional(Type.String()),
      message: Type.String(),
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            path: Type.Optional(Type.String({ description: 'JSON pointer into the body, `?name` for a query parameter.' })),
            message: Type.String(),
            description: Type.Optional(
              Type.String({
                description: 'The same as `message`, for a plugin that reads it; not in answers of the Orders API.',
              }),
            ),
            code: Type.Optional(Type.String()),
            allowed: Type.Optional(Type.Unknown()),
          }),
        ),
      ),
    }),
    message: Type.Optional(Type.String({ description: 'The same as `error.message`; not in answers of the Orders API.' })),
  },
  { title: 'Error' },
)

/** The `response` part of a route's schema: the given successes, and the error envelope for each status named. */
export function responses<T extends Record<number, TSchema>>(success: T, ...failures: number[]): T & Record<number, TSchema> {
  return { ...success, ...Object.fromEntries(failures.map((status) => [status, ErrorEnvelope])) }
}

const base: Options = { strict: false, allErrors: false, removeAdditional: false, useDefaults: false }

function compiler(options: Options): Ajv {
  const ajv = new Ajv({ ...base, ...options })
  ajvFormats.default(ajv)
  ajv.addKeyword({
    keyword: 'minor_units',
    type: 'number',
    modifying: true,
    schema: true,
    compile: () => (data, context) => {
      if (context && !Number.isInteger(data))
        (context.parentData as Record<string | number, unknown>)[context.parentDataProperty] = roundAmount(data)
      return true
    },
  })
  return ajv
}

const strict = compiler({ coerceTypes: false })
const coercing = compiler({ coerceTypes: 'array' })

/** What is wrong with data, or nothing. Compiled when it is first asked: compiling all schemas took a third of the time to start. */
function faultsBy(ajv: Ajv, schema: TSchema): (data: unknown) => FastifySchemaValidationError[] | undefined {
  let compiled: ValidateFunction | undefined
  return (data) => {
    compiled ??= ajv.compile(schema as object)
    return compiled(data) ? undefined : ((compiled.errors ?? []) as FastifySchemaValidationError[])
  }
}

/** Bodies are never coerced (`"1"` is not an amount); queries and paths are text and have to be. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const faults = faultsBy(httpPart === 'body' ? strict : coercing, schema)
  return (data: unknown) => {
    const error = faults(data)
    return error ? { error } : true
  }
}

/** The check of a route's body, for what comes another way: the first fault, or nothing. */
export function checkOfBody(schema: TSchema): (body: unknown) => Fault | undefined {
  const faults = faultsBy(strict, schema)
  return (body) => {
    const [fault] = faults(body) ?? []
    return fault && describeFault(fault)
  }
}

/** Where a fault is, what is wrong there in words, and which values would do. */
export type Fault = { pointer: string; what: string; allowed?: (string | number)[] }

/** What a check found, to be told; `plus` is how + is written where the value stands. */
export function describeFault(found: FastifySchemaValidationError | undefined, plus = '+'): Fault {
  const { instancePath = '', keyword, message, params = {} } = found ?? {}
  const { missingProperty, additionalProperty, allowedValues, pattern, format, type } = params as {
    missingProperty?: string
    additionalProperty?: string
    allowedValues?: (string | number)[]
    pattern?: string
    format?: string
    type?: string | string[]
  }
  const member = keyword === 'required' ? missingProperty : additionalProperty
  const pointer = `${instancePath}${member === undefined ? '' : `/${pointerStep(member)}`}`
  if (keyword === 'required') return { pointer, what: 'is required' }
  if (keyword === 'additionalProperties') return { pointer, what: 'is not known here' }
  if (keyword === 'pattern') return { pointer, what: `must be ${words.get(pattern!) ?? 'written in another way'}` }
  if (Array.isArray(type)) return { pointer, what: `must be ${type.join(' or ')}` }
  if (format === 'date-time') {
    return { pointer, what: `must be a time such as 2026-01-02T03:04:05Z or 2026-01-02T03:04:05${plus}01:00` }
  }
  const what = message ?? 'is not valid'
  return allowedValues ? { pointer, what: `${what}: ${allowedValues.join(', ')}`, allowed: allowedValues } : { pointer, what }
}

type Shape = {
  type?: string | readonly string[]
  pattern?: string
  format?: string
  minLength?: number
  enum?: readonly unknown[]
  required?: readonly string[]
  properties?: Record<string, Shape>
  items?: Shape
  anyOf?: readonly Shape[]
}

/**
 * For `preValidation`: drops from the body what PHP clients write for nothing, an optional member that can't be `""` and is, or an
 * object that is `[]` (clients §6 no. 9). Required members stay, and are refused.
 */
export function dropsEmpties(schema: TSchema) {
  return async ({ body }: { body: unknown }): Promise<void> => dropEmpties(schema as Shape, body)
}

function dropEmpties(schema: Shape, value: unknown): void {
  const { properties, items, required = [] } = schema.anyOf?.find(({ type }) => type === 'object') ?? schema
  if (Array.isArray(value)) {
    if (items) for (const element of value) dropEmpties(items, element)
    return
  }
  if (typeof value !== 'object' || value === null || !properties) return
  const object = value as Record<string, unknown>
  for (const [name, given] of Object.entries(object)) {
    const member = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (member === undefined) continue
    if (!required.includes(name) && saysNothing(member, given)) delete object[name]
    else dropEmpties(member, given)
  }
}

function saysNothing({ type, pattern, format, minLength, enum: values, anyOf }: Shape, given: unknown): boolean {
  if (given === '') return [pattern, format, minLength, values, anyOf].some(Boolean) || type?.includes('string') === false
  return Array.isArray(given) && given.length === 0 && (type === 'object' || anyOf !== undefined)
}
