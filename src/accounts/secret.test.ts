import assert from 'node:assert/strict'
import { createHash, scryptSync } from 'node:crypto'
import { test } from 'node:test'
import { hashSecret, nobodysHash, secretMatches, sha256 } from './secret.ts'

test('secret: matches its own hash and no other, whatever characters it has', async () => {
  for (const secret of ['a', 'with:colon and $', 'æøå 🔑', 'x'.repeat(1_000)]) {
    const stored = await hashSecret(secret, 'salt')
    assert.ok(!stored.includes(secret) || secret === 'a')
    assert.equal(await secretMatches(secret, stored), true)
    assert.equal(await secretMatches(`${secret} `, stored), false)
  }
  assert.notEqual(await hashSecret('same', 'salt 1'), await hashSecret('same', 'salt 2'))
})

test('secret: nobody has nobodys hash, and comparing with it costs the same', async () => {
  for (const secret of ['', 'nobody', '\u0000']) assert.equal(await secretMatches(secret, nobodysHash), false)
  const cost = (stored: string) => stored.split('$').slice(0, 4)
  assert.deepEqual(cost(nobodysHash), cost(await hashSecret('x', 'salt')))
})

test('secret: an unreadable hash matches nothing', async () => {
  for (const stored of [
    '',
    'plain',
    'scrypt$16384$8$1$salt$',
    'bcrypt$16384$8$1$salt$AAAA',
    'scrypt$16384$8$1$salt$AAAA',
    'scrypt$16384$8$1',
  ]) {
    assert.equal(await secretMatches('', stored), false, stored)
  }
})

test('secret: a hash says what it cost, so that those made at another cost still match', async () => {
  const hash = scryptSync('x', 'salt', 32, { N: 1_024, r: 4, p: 2 }).toString('base64url')
  assert.equal(await secretMatches('x', `scrypt$1024$4$2$salt$${hash}`), true)
  assert.equal(await secretMatches('x', `bcrypt$1024$4$2$salt$${hash}`), false)
})

test('secret: SHA-256 of what is random already', () => {
  assert.deepEqual(sha256('x'), createHash('sha256').update('x').digest())
})
