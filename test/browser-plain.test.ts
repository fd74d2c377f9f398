import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { openPage, skipBrowser } from './browser.ts'
import { fillCard } from './embed.ts'
import { browser, checkout, session, shop } from './stage.ts'

const open = (url: string) => openPage(browser, url, { javaScriptEnabled: false })
const message = (page: Page) => page.getByTestId('message').textContent()

test('without JavaScript: a card and a wallet pay', { skip: skipBrowser }, async () => {
  const { url } = await session()
  const page = await open(`${url}?product=dintero_psp.creditcard`)
  await fillCard(page, '4000 0000 0000 0002')
  await page.getByTestId('card-expiry').fill('1 / 2031')
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept**`)
  assert.match(page.url(), /transaction_id=/)
  const second = await session()
  await page.goto(`${second.url}?product=vipps`)
  await page.getByTestId('phone_number').fill('+4740230256')
  await page.getByTestId('pay').click()
  await page.getByTestId('approve').click()
  await page.waitForURL(`${shop.url}/accept**`)
  assert.match(page.url(), /transaction_id=/)
  await page.context().close()
})

test('without JavaScript: what was filled in stays when the payment is refused, but for what pays; empty fields are told beside them', {
  skip: skipBrowser,
}, async () => {
  const { url, id } = await session({ order: { amount: 44700 } })
  const page = await open(`${url}?product=collector.installment`)
  await page.getByTestId('plan').selectOption('6')
  const fields = {
    first_name: 'Kari',
    last_name: 'Nordmann',
    address_line: 'Storgata 1',
    postal_code: '0155',
    email: 'kari@shop.example',
  }
  for (const [name, value] of Object.entries(fields)) await page.getByTestId(name).fill(value)
  await page.getByTestId('phone_number').fill('+4740000000')
  await page.getByTestId('social_security_number').fill('01010112345')
  const told = async () => [
    ...(await Promise.all(Object.keys(fields).map((name) => page.getByTestId(name).inputValue()))),
    await page.getByTestId('plan').inputValue(),
    await page.getByTestId('social_security_number').inputValue(),
  ]
  const kept = [...Object.values(fields), '6', '']
  await page.getByTestId('pay').click()
  assert.equal(await page.getByTestId('postal_place-error').textContent(), 'Fill in this field.')
  await page.getByTestId('postal_place').and(page.locator(':focus')).waitFor()
  assert.deepEqual([await message(page), ...(await told())], ['', ...kept])
  assert.equal((await checkout.readSession(id)).transaction_id, undefined)
  await page.getByTestId('postal_place').fill('Oslo')
  await page.getByTestId('social_security_number').fill('01010112345')
  const script = { rules: [{ when: { amount: 44700 }, do: 'decline' }] }
  assert.equal((await checkout.account.call('PUT', '/v1/simulator/script', script)).status, 200)
  await page.getByTestId('pay').click()
  assert.match((await message(page)) ?? '', /^The payment was not approved/)
  assert.deepEqual(await told(), kept)
  await checkout.account.call('DELETE', '/v1/simulator/script')
  await page.goto(`${url}?product=dintero_psp.creditcard`)
  await page.getByTestId('pay').click()
  assert.equal(await page.getByTestId('card-cvc-error').textContent(), 'Fill in this field.')
  await fillCard(page, '4000 3000 0000 0006')
  await page.getByTestId('pay').click()
  assert.match((await message(page)) ?? '', /^The payment was not approved/)
  assert.equal(await page.getByTestId('card-number').inputValue(), '')
  assert.ok(!/4000 ?3000/.test(await page.content()))
  await page.context().close()
})

test('without JavaScript: an order that has changed since it was shown is shown anew, not paid', {
  skip: skipBrowser,
}, async () => {
  const { url, id } = await session()
  const page = await open(`${url}?product=dintero_psp.creditcard`)
  const changed = {
    order: { amount: 90_000, items: [{ id: '1', line_id: '1', quantity: 1, amount: 90_000 }], shipping_option: null },
  }
  const update = await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, changed)
  assert.equal(update.status, 200, JSON.stringify(update.body))
  await fillCard(page, '4000 0000 0000 0002')
  await page.getByTestId('pay').click()
  assert.match((await message(page)) ?? '', /^The order has changed/)
  assert.match((await page.getByTestId('pay').textContent()) ?? '', /900\.00/)
  assert.equal((await checkout.readSession(id)).transaction_id, undefined)
  await fillCard(page, '4000 0000 0000 0002')
  await page.getByTestId('pay').click()
  await page.waitForURL(`${shop.url}/accept**transaction_id=**`)
  const { transaction_id } = await checkout.readSession(id)
  assert.equal((await checkout.readTransaction(transaction_id)).amount, 90_000)
  await page.context().close()
})
