import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allGranted, covers, isScope, mayCall, stillGranted } from './scope.ts'

const cases: [granted: string, wanted: string, does: boolean][] = [
  ['write:checkout', 'write:checkout', true],
  ['admin:checkout', 'admin:checkout', true],
  ['admin:checkout', 'write:checkout', true],
  ['admin:checkout', 'read:checkout', true],
  ['admin:checkout', 'write:checkout:/admin/session/profiles', true],
  ['admin:shopping', 'read:shopping:/orders/ANY/events', true],
  ['admin:accounts', 'create:accounts:auth:refresh_token', true],
  ['admin:accounts', 'write:accounts:/management/settings/approvals', true],
  // write is not read, a part is not the whole, the whole is not a part that the route does not list
  ['write:checkout', 'read:checkout', false],
  ['read:checkout', 'write:checkout', false],
  ['write:checkout', 'admin:checkout', false],
  ['write:shopping', 'write:shopping:/orders/ANY/events', false],
  ['read:shopping:/orders/ANY/events', 'read:shopping', false],
  ['read:shopping:/orders/ANY/events', 'read:shopping:/orders/ANY/events', true],
  ['read:shopping:/orders/ANY/events', 'write:shopping:/orders/ANY/events', false],
  ['read:shopping:/orders/ANY/events', 'read:shopping:/orders/ANY/events/1', false],
  // another resource, also one whose name begins the same
  ['admin:checkout', 'write:shopping', false],
  ['admin:shop', 'write:shopping', false],
  ['admin:shop', 'write:shop-window', false],
  // admin of a part
  ['admin:checkout:/admin', 'write:checkout:/admin/session/profiles', true],
  ['admin:checkout:/admin', 'write:checkout:/administration', false],
  ['admin:checkout:/admin', 'write:checkout', false],
  ['admin:', 'write:checkout', false],
]
for (const [granted, wanted, does] of cases) {
  test(`scope: ${granted} ${does ? 'does' : 'does not do'} for ${wanted}`, () => assert.equal(covers(granted, wanted), does))
}

const grammar: [text: string, ok: boolean][] = [
  ['admin:checkout', true],
  ['read:shopping:/orders/ANY/events', true],
  ['write:checkout:/admin/session/profiles', true],
  ['create:accounts:auth:refresh_token', true],
  ['write:accounts:/management/settings/approvals', true],
  ['', false],
  ['admin', false],
  ['admin:', false],
  ['delete:checkout', false],
  ['ADMIN:checkout', false],
  ['admin:checkout read:shopping', false],
  ['admin:checkout\n', false],
  ['admin:*', false],
  ['write:checkout:', false],
]
for (const [text, ok] of grammar) {
  test(`scope: ${JSON.stringify(text)} is ${ok ? 'one' : 'none'}`, () => assert.equal(isScope(text), ok))
}

const scope = fc
  .tuple(
    fc.constantFrom('admin', 'write', 'read', 'create'),
    fc.constantFrom('checkout', 'shopping', 'accounts'),
    fc.constantFrom('', ':/a', ':/a/b', ':/ab'),
  )
  .map(([verb, resource, path]) => `${verb}:${resource}${path}`)

test('scope: nothing but admin of the same resource does for another text', () => {
  fc.assert(
    fc.property(scope, scope, (granted, wanted) => {
      if (!covers(granted, wanted) || granted === wanted) return
      assert.ok(granted.startsWith('admin:'))
      assert.equal(granted.split(':')[1], wanted.split(':')[1])
    }),
  )
})

const changed: [issued: string[], current: string[], left: string[]][] = [
  [['admin:checkout'], ['admin:checkout'], ['admin:checkout']],
  [['admin:checkout'], ['write:checkout'], ['write:checkout']],
  [['write:checkout'], ['admin:checkout'], ['write:checkout']],
  [['read:checkout', 'write:checkout'], ['read:checkout', 'read:shopping'], ['read:checkout']],
  [['read:checkout'], [], []],
  [[], ['admin:checkout'], []],
]
for (const [issued, current, left] of changed) {
  test(`scope: a token of [${issued}] may do [${left}] when the grants are [${current}]`, () => {
    assert.deepEqual(stillGranted(issued, current), left)
  })
}

test('scope: what is still granted is never more than the token or the grants', () => {
  fc.assert(
    fc.property(fc.array(scope), fc.array(scope), scope, (issued, current, wanted) => {
      const left = stillGranted(issued, current)
      if (mayCall(left, [wanted])) assert.ok(mayCall(issued, [wanted]) && mayCall(current, [wanted]))
    }),
  )
})

test('scope: any of the wanted ones does; all that were issued must be granted', () => {
  assert.equal(mayCall(['read:a', 'read:b'], ['read:c', 'read:b']), true)
  assert.equal(mayCall(['read:a'], ['read:b', 'read:c']), false)
  assert.equal(mayCall(['read:a'], []), false)
  assert.equal(allGranted(['read:a', 'read:b'], ['read:b', 'admin:a']), true)
  assert.equal(allGranted(['read:a', 'read:c'], ['read:b', 'admin:a']), false)
  assert.equal(allGranted(['read:a'], ['read:a', 'read:b']), true)
})
