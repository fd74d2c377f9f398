import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from './config.ts'

const refused: [variable: string, value: string, why: RegExp][] = [
  ['KVITT_CLIENT_ID', 'a b:c', /^KVITT_CLIENT_ID must be 1 to 255 characters without a colon, not a b:c\.$/],
  ['KVITT_CLIENT_ID', 'x'.repeat(256), /^KVITT_CLIENT_ID must be/],
  ['KVITT_ACCOUNT_ID', 'X1', /^KVITT_ACCOUNT_ID must be T or P and eight digits, not X1\.$/],
  ['KVITT_LOG', 'loud', /^KVITT_LOG must be one of trace, .*, not loud\.$/],
  ['KVITT_PUBLIC_URL', 'shop.example', /^KVITT_PUBLIC_URL must be a URL with http or https/],
  ['KVITT_PUBLIC_URL', 'https://shop.example/?a', /^KVITT_PUBLIC_URL must be .* without \? or #, not https/],
  ['CHECKOUT_URL', 'https://', /^CHECKOUT_URL must be a URL/],
  ['KVITT_TRUSTED_PROXIES', 'loopback, 10.0.0.0/33', /^KVITT_TRUSTED_PROXIES lists .*, not 10\.0\.0\.0\/33\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', '10.1.0.0/16 loopback', /^KVITT_ALLOW_CALLBACK_NETWORKS lists .*, not loopback\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', '10.1.0.0/', /, not 10\.1\.0\.0\/\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', '10.1.0.0/8/8', /, not 10\.1\.0\.0\/8\/8\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', '10.1.0.0/1x', /, not 10\.1\.0\.0\/1x\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', 'fd12::/129', /, not fd12::\/129\.$/],
  ['KVITT_ALLOW_CALLBACK_NETWORKS', 'shop.example', /, not shop\.example\.$/],
  ['KVITT_ACCOUNT_ID', 'T123', /^KVITT_ACCOUNT_ID must be T or P and eight digits, not T123\.$/],
  ['KVITT_ALLOW_LOOPBACK_CALLBACKS', 'maybe', /^KVITT_ALLOW_LOOPBACK_CALLBACKS must be 1 or 0, not maybe\.$/],
  ['PORT', '65536', /^PORT must be 0 to 65535, not 65536\.$/],
  ['PORT', '1.5', /^PORT must be/],
  ['PORT', '-1', /^PORT must be/],
  ['KVITT_CLIENT_ID', ':', /^KVITT_CLIENT_ID must be/],
  ['KVITT_PUBLIC_URL', 'xhttps://shop.example', /^KVITT_PUBLIC_URL must be a URL/],
  ['DATABASE_URL', 'xpostgres://h/x', /^DATABASE_URL must begin with/],
  ['KVITT_ALLOW_LOOPBACK_CALLBACKS', 'not', /^KVITT_ALLOW_LOOPBACK_CALLBACKS must be/],
  ['KVITT_ALLOW_LOOPBACK_CALLBACKS', '11', /^KVITT_ALLOW_LOOPBACK_CALLBACKS must be/],
  ['KVITT_PUBLIC_URL', 'https://user:pw@shop.example', /^KVITT_PUBLIC_URL must not hold a user or a password\.$/],
  ['KVITT_PUBLIC_URL', 'https://user:pw@shop.example/?a', /^KVITT_PUBLIC_URL must not hold a user or a password\.$/],
  ['CHECKOUT_URL', 'HTTP://user@shop.example/pay', /^CHECKOUT_URL must not hold a user or a password\.$/],
  ['DATABASE_URL', 'mysql://u:pw@h/x', /^DATABASE_URL must begin with postgres:\/\/ or postgresql:\/\/\.$/],
  ['DATABASE_URL', 'postgres://u:pw@h:port/x', /^DATABASE_URL must be as postgres:/],
  ['DATABASE_URL', 'postgres://u:pw@h:99999/x', /^DATABASE_URL must be as postgres:/],
  ['DATABASE_URL', 'postgres://u:pw@a:1,b:port/x', /^DATABASE_URL must be as postgres:/],
  ['DATABASE_URL', 'postgres://u:pw%@h/x', /% is written %25/],
  ['DATABASE_URL', 'postgres://u:pw/w@h/x', /\/ %2F/],
]
for (const [variable, value, why] of refused) {
  test(`config: ${variable}=${value.slice(0, 40)} is refused in one line, without what is secret in it`, () => {
    assert.throws(
      () => readConfig({ [variable]: value }),
      ({ message }: Error) => why.test(message) && !/pw|letters/.test(message),
    )
  })
}

const taken: [variable: string, value: string, name: 'client_secret' | 'public_url' | 'database_url', read: string][] = [
  ['KVITT_CLIENT_SECRET', 'sixteen letters!', 'client_secret', 'sixteen letters!'],
  ['KVITT_PUBLIC_URL', 'https://shop.example/@pay/', 'public_url', 'https://shop.example/@pay'],
  ['DATABASE_URL', 'postgres://u:p@h/x', 'database_url', 'postgres://u:p@h/x'],
  ['DATABASE_URL', 'postgres://u:p%25@h:5433/x?sslmode=require', 'database_url', 'postgres://u:p%25@h:5433/x?sslmode=require'],
  ['DATABASE_URL', 'postgresql://u:p@a:1,b:2/x', 'database_url', 'postgresql://u:p@a:1,b:2/x'],
  ['DATABASE_URL', 'postgres://u:p@[::1]:5432/x', 'database_url', 'postgres://u:p@[::1]:5432/x'],
  ['DATABASE_URL', 'postgres://u:p@/x?host=/run/pg', 'database_url', 'postgres://u:p@localhost/x?host=/run/pg'],
  ['DATABASE_URL', 'postgres://u:p@:5433/x?host=/run/pg', 'database_url', 'postgres://u:p@localhost:5433/x?host=/run/pg'],
  ['DATABASE_URL', 'postgres:///x?host=/run/pg', 'database_url', 'postgres://localhost/x?host=/run/pg'],
]
for (const [variable, value, name, read] of taken) {
  test(`config: ${variable}=${value} is taken`, () => assert.equal(readConfig({ [variable]: value })[name], read))
}

test('config: what is not set, and the edges of what is', () => {
  assert.deepEqual(readConfig({ KVITT_DATA: '/data', CHECKOUT_CLIENT_ID: '' }), {
    ...{ port: 8080, host: '0.0.0.0', public_url: 'http://localhost:8080', data_folder: '/data', log_level: 'info' },
    ...{ database_url: undefined, account_id: undefined, client_id: undefined, client_secret: undefined },
    ...{ checkout_url: undefined, checkout_client_id: undefined, checkout_client_secret: undefined, failpoints: undefined },
    ...{ allow_loopback_callbacks: false, callback_networks: [], trusted_proxies: [] },
  })
  assert.deepEqual(
    ['0', '65535'].map((PORT) => readConfig({ PORT }).port),
    [0, 65_535],
  )
  const set = {
    HOST: '::',
    CHECKOUT_URL: 'http://c//',
    CHECKOUT_CLIENT_ID: 'i',
    CHECKOUT_CLIENT_SECRET: 's',
    KVITT_CLIENT_ID: 'me',
  }
  const { host, checkout_url, checkout_client_id, checkout_client_secret, client_id } = readConfig(set)
  assert.deepEqual(
    [host, checkout_url, checkout_client_id, checkout_client_secret, client_id],
    ['::', 'http://c', 'i', 's', 'me'],
  )
  for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']) {
    assert.equal(readConfig({ KVITT_LOG: level }).log_level, level)
  }
})

test('config: networks, by commas or spaces, with names only for proxies; what is on', () => {
  const { trusted_proxies, callback_networks } = readConfig({
    KVITT_TRUSTED_PROXIES: 'loopback, 10.0.0.0/32',
    KVITT_ALLOW_CALLBACK_NETWORKS: ' fd12::/128\t10.1.2.3,0.0.0.0/0 ',
  })
  assert.deepEqual(trusted_proxies, ['loopback', '10.0.0.0/32'])
  assert.deepEqual(callback_networks, ['fd12::/128', '10.1.2.3', '0.0.0.0/0'])
  assert.deepEqual([readConfig({}).trusted_proxies, readConfig({}).port], [[], 8080])
  const values = ['1', 'TRUE', 'yes', 'on', '', '0', 'False', 'no', 'off']
  assert.deepEqual(
    values.map((value) => readConfig({ KVITT_ALLOW_LOOPBACK_CALLBACKS: value }).allow_loopback_callbacks),
    [true, true, true, true, false, false, false, false, false],
  )
})

test('config: a short secret is refused where money moves, and taken on a test account', () => {
  const read = (KVITT_ACCOUNT_ID: string, KVITT_CLIENT_SECRET: string) => readConfig({ KVITT_ACCOUNT_ID, KVITT_CLIENT_SECRET })
  const why = /^Error: KVITT_CLIENT_SECRET must have 16 characters or more on a production account; it has 15\.$/
  assert.throws(() => read('P12345678', 'fifteen letters'), why)
  assert.equal(read('P12345678', 'sixteen letters!').client_secret, 'sixteen letters!')
  assert.equal(read('T12345678', 's').client_secret, 's')
})
