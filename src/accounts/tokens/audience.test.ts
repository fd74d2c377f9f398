import assert from 'node:assert/strict'
import { test } from 'node:test'
import { audienceAccount, defaultAudience } from './audience.ts'

const cases: [audience: string, account: string | undefined][] = [
  ['https://api.dintero.com/v1/accounts/T12345678', 'T12345678'],
  ['https://api.dintero.com/v1/accounts/T12345678/', 'T12345678'],
  ['https://T12345678@api.dintero.com/v1/accounts/T12345678', 'T12345678'],
  ['https://T12345678@api.dintero.com', 'T12345678'],
  ['http://localhost:8080/v1/accounts/P00112233', 'P00112233'],
  ['https://shop.example/kvitt/v1/accounts/P00112233', 'P00112233'],
  ['https://api.dintero.com/v1/accounts/P001', 'P001'],
  ['https://T12345678@api.dintero.com/v1/accounts/T87654321', undefined],
  ['https://api.dintero.com/v1/accounts/T1234567', undefined],
  ['https://api.dintero.com/v1/accounts/X12345678', undefined],
  ['https://api.dintero.com/v1/accounts/XT12345678', undefined],
  ['https://api.dintero.com/v1/accounts/T123456789', undefined],
  ['https://api.dintero.com/v1/accounts/T12345678/auth', undefined],
  ['https://api.dintero.com/v1', undefined],
  ['https://api.dintero.com', undefined],
  ['T12345678', undefined],
  ['', undefined],
]
for (const [audience, account] of cases) {
  test(`audience: ${audience || 'nothing'} names ${account ?? 'no account'}`, () =>
    assert.equal(audienceAccount(audience), account))
}

test('audience: of an account, when none is given', () => {
  assert.equal(defaultAudience('T12345678'), 'https://api.dintero.com/v1/accounts/T12345678')
  assert.equal(audienceAccount(defaultAudience('P001')), 'P001')
})
