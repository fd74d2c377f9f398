import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page, Route } from 'playwright-core'
import { openPage, skipBrowser } from './browser.ts'
import { send } from './client.ts'
import { fillCard } from './embed.ts'
import { browser, checkout, session, shop } from './stage.ts'

const open = (url: string) => openPage(browser, url)

test('payment page: two tabs that pay at the same moment pay once, and both end at the shop', { skip: skipBrowser }, async () => {
  const { id, url } = await session()
  const tabs = [await open(url), await open(url)]
  for (const tab of tabs) {
    await tab.getByTestId('product-dintero_psp.creditcard').check()
    await tab.getByTestId('test-card').click()
  }
  await Promise.all(tabs.map((tab) => tab.getByTestId('pay').click()))
  await Promise.all(tabs.map((tab) => tab.waitForURL(`${shop.url}/accept**transaction_id=**`)))
  const [count] = await checkout.sql`
    select (select count(*)::int from checkout.transactions where session_id = ${id}) as ours,
      (select count(*)::int from simulator.payments where session_id = ${id}) as theirs`
  assert.deepEqual({ ...count }, { ours: 1, theirs: 1 })
  for (const tab of tabs) await tab.context().close()
})

test('payment page: a card refused in one tab does not hold up the other; an order that has changed does', {
  skip: skipBrowser,
}, async () => {
  const { id, url } = await session()
  const [first, second] = [await open(url), await open(url)]
  for (const tab of [first, second]) await tab.getByTestId('product-dintero_psp.creditcard').check()
  const press = async (tab: Page, message: string) => {
    await tab.getByTestId('pay').click()
    await tab.getByTestId('message').getByText(message).waitFor()
  }
  await fillCard(first, '4000 3000 0000 0006')
  await press(first, 'The payment was not approved')
  await second.getByTestId('test-card').click()
  const changed = { order: { amount: 20_000, items: [{ id: '1', line_id: '1', quantity: 1, amount: 15_100 }] } }
  assert.equal((await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, changed)).status, 200)
  await press(second, 'The order has changed')
  await press(first, 'The order has changed')
  await press(first, 'The payment was not approved')
  const answers: number[] = []
  second.on('response', (response) => response.url().includes('/pay?') && answers.push(response.status()))
  await second.getByTestId('pay').click()
  await second.waitForURL(`${shop.url}/accept**transaction_id=**`)
  assert.deepEqual(answers, [412, 200])
  for (const tab of [first, second]) await tab.context().close()
})

test('payment page: a delivery is chosen though a card was refused in another tab, or the shop holds the lock', {
  skip: skipBrowser,
}, async () => {
  const shipping_options = ['home', 'point'].map((id) => ({ id, line_id: id, title: id, amount: 1_000, operator: 'Posten' }))
  const { id, url } = await session({ order: { amount: 39_800, shipping_option: undefined }, express: { shipping_options } })
  const address = {
    first_name: 'Kari',
    last_name: 'N',
    address_line: 'Gata 1',
    postal_code: '0155',
    postal_place: 'Oslo',
    country: 'NO',
  }
  const addresses = { shipping_address: { ...address, email: 'kari@shop.example', phone_number: '+4740000000' } }
  const view = `/v1/view/${id}/session`
  assert.equal((await send(checkout.url, 'PUT', `${view}/order/addresses`, { body: addresses })).status, 200)
  assert.equal((await send(checkout.url, 'PUT', `${view}/order/shipping_option`, { body: shipping_options[0] })).status, 200)
  const tab = await open(url)
  const card = { number: '4000300000000006', expiry: '12/30', cvc: '123' }
  const refused = await send(checkout.url, 'POST', `/v1/sessions/${id}/pay`, {
    body: { payment_product_type: 'dintero_psp.creditcard', card },
  })
  assert.equal(refused.body.success, false, JSON.stringify(refused.body))
  const chosen = async () => (await checkout.readSession(id)).order.shipping_option.id
  const saves = () => tab.waitForResponse((response) => response.url().includes('shipping_option') && response.ok())
  await Promise.all([saves(), tab.getByTestId('shipping-point').check()])
  assert.equal(await chosen(), 'point')
  // The shop locks when the customer has chosen, and before the server hears of it.
  const lock = async (route: Route) => {
    assert.equal((await send(checkout.url, 'POST', `${view}/lock`)).status, 200)
    await route.continue()
  }
  await tab.route('**/order/shipping_option', lock, { times: 1 })
  await tab.getByTestId('shipping-home').click()
  await tab.getByTestId('message').getByText('The shop is updating your order').waitFor()
  const released = checkout.account.call('PUT', `/v1/sessions/${id}`, { remove_lock: true })
  await Promise.all([saves(), released])
  assert.equal(await chosen(), 'home')
  await tab.context().close()
})

test('payment page: a delivery that the shop no longer offers, or that the server fails to save, is told as what it is', {
  skip: skipBrowser,
}, async () => {
  const [home, point, bike] = ['home', 'point', 'bike'].map((id) => ({
    ...{ id, line_id: id, title: id, amount: 1_000, operator: 'Posten' },
  }))
  const shipping_address = { first_name: 'Kari', last_name: 'N', address_line: 'Gata 1', postal_code: '0155', country: 'NO' }
  const express = { shipping_options: [home, point, bike] }
  const { id, url } = await session({ order: { amount: 39_800, shipping_option: undefined, shipping_address }, express })
  const tab = await open(`${url}?language=no`)
  const fail = { status: 500, json: { error: { code: 'internal_error', message: 'x' } } }
  await tab.route('**/order/shipping_option', (route) => route.fulfill(fail), { times: 1 })
  await tab.getByTestId('shipping-bike').click()
  await tab.getByTestId('message').getByText('Noe gikk galt hos oss').waitFor()
  const update = { update_without_lock: true, express: { ...express, shipping_options: [home] } }
  const updated = await checkout.account.call('PUT', `/v1/sessions/${id}?update_without_lock=true`, update)
  assert.equal(updated.status, 200, JSON.stringify(updated.body))
  await tab.getByTestId('shipping-point').click()
  await tab.getByTestId('message').getByText('Butikken tilbyr ikke lenger denne leveringen. Velg en annen.').waitFor()
  await tab.getByTestId('shipping-point').waitFor({ state: 'detached' })
  await tab.context().close()
})
