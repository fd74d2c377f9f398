import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import postgres from 'postgres'
import { json, part } from './db.ts'
import { Parameter, Part, textOf } from './statement.ts'

/** Pieces as the compiler makes them: the same array whenever the same template is evaluated. */
const template = (...texts: string[]) => Object.assign(texts, { raw: texts }) as unknown as TemplateStringsArray
const templates = ['a', 'b', 'c'].flatMap((name) => [
  template(name),
  template(`${name}(`, `)`),
  template(`${name}[`, `,`, `]`),
  template(`${name}{`, `;`, `;`, `}`),
])

type Tree = { strings: TemplateStringsArray; args: unknown[] }
const { tree } = fc.letrec<{ tree: Tree; arg: unknown }>((tie) => ({
  tree: fc
    .constantFrom(...templates)
    .chain((strings) =>
      fc
        .array(tie('arg'), { minLength: strings.length - 1, maxLength: strings.length - 1 })
        .map((args) => ({ strings, args }) as Tree),
    ),
  arg: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<unknown>(null, 1, 'x', true, new Date(0), [], [1, 2], undefined),
    tie('tree').map((made) => new Part((made as Tree).strings, (made as Tree).args)),
    fc
      .array(tie('tree'), { minLength: 1, maxLength: 3 })
      .map((all) => all.map((made) => new Part((made as Tree).strings, (made as Tree).args))),
  ),
}))

/** The statement as its definition says, put together anew. */
function plain({ strings, args }: Tree, values: unknown[]): string {
  const argument = (arg: unknown): string => {
    if (arg instanceof Part) return plain(arg, values)
    if (Array.isArray(arg) && arg[0] instanceof Part) return arg.map((one: Part) => ` ${plain(one, values)}`).join('')
    values.push(arg)
    return `$${values.length}`
  }
  return strings.map((text, index) => (index === 0 ? text : argument(args[index - 1]) + text)).join('')
}

test('the text of a statement is that of its pieces, however it is made of them; its values are in their order', () => {
  fc.assert(
    fc.property(fc.array(tree, { minLength: 1, maxLength: 20 }), (trees) => {
      for (const made of trees) {
        const values: unknown[] = []
        const text = plain(made, values)
        const found = textOf(made.strings, made.args)!
        assert.equal(found.text[0], text)
        assert.deepEqual(found.values, values)
      }
    }),
    { numRuns: 500 },
  )
})

test('the same pieces have one text, which is put together once', () => {
  const ask = (id: number) => textOf(...call`select ${part`a, ${id}`} from b where c = ${json({ id })}`)!
  assert.equal(ask(1).text, ask(2).text)
  assert.equal(ask(1).text[0], 'select a, $1 from b where c = $2')
})

test('a statement is known by its text, and by the types that the driver tells of its values', () => {
  const types = [
    [null, undefined, 1, 'x', [], ['x'], [{}]],
    [true, [false]],
    [1n, [2n]],
    [new Date(0), [new Date(1)]],
    [new Uint8Array(1), Buffer.of(2)],
    [json({ a: 1 }), json([1])],
    [new Parameter(1, 20)],
  ]
  const kindOf = (value: unknown) => textOf(...call`select ${value as never}`)!.kind
  const kinds = types.map((values) => [...new Set(values.map(kindOf))])
  assert.deepEqual([kinds.flat().length, new Set(kinds.flat()).size], [types.length, types.length])
  assert.notEqual(textOf(...call`select ${1}`)!.kind, textOf(...call`select -${1}`)!.kind)
})

test('a part of a statement is not waited for', () => {
  assert.throws(() => (part`1` as unknown as Part).then(), /^Error: A part of a statement is no statement\.$/)
})

test('what the driver writes into the text is left to it', () => {
  const sql = postgres({ max: 1 })
  for (const value of [sql('name'), sql({ a: 1 }), sql`select`, [sql`select`], () => 1]) {
    assert.equal(textOf(...call`select ${value}`), undefined)
    const within = part`${value as never}`
    assert.equal(textOf(...call`select ${within} ${part`1`}`), undefined)
    assert.equal(textOf(...call`select ${[part`1`, within, part`2`]}`), undefined)
  }
})

function call(strings: TemplateStringsArray, ...args: unknown[]): [TemplateStringsArray, unknown[]] {
  return [strings, args]
}
