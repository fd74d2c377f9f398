import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inflateSync } from 'node:zlib'
import { createTestAccount, send, type TestAccount } from './client.ts'
import { type SettlingServer, startSettling } from './settling.ts'

let server: SettlingServer
let shop: TestAccount
let path: string
const sales: Record<string, string> = {}
before(async () => {
  server = await startSettling('2026-11-17T09:00:00.000Z')
  shop = server.shop
  path = `/v1/accounts/${shop.account_id}/settlements`
  await shop.call('PUT', `${path}/fees`, { fees: [{ provider: 'vipps', currency: 'NOK', basis_points: 275, fixed: 10.4 }] })
  for (const day of ['17', '18', '19']) {
    server.to(`2026-11-${day}T09:00:00.000Z`)
    for (const type of ['dintero_psp.creditcard', 'vipps']) {
      const reference = `${type}-${day}`
      sales[reference] = await server.pay({ type, amount: 10_000, reference })
      await server.move(sales[reference], 'capture', 10_000, { capture_reference: '=cmd()' })
    }
  }
  server.to('2026-11-20T09:00:00.000Z')
  await server.settle()
})
after(() => server.close())

const names = (list: { items: { provider: string; start_at: string }[] }) =>
  list.items.map(({ provider, start_at }) => `${provider} ${start_at.slice(8, 10)}`)

test('settlements: newest first, with amounts, attachments and period', async () => {
  const { status, body } = await shop.call('GET', path)
  assert.equal(status, 200)
  assert.equal(body.items.length, 6)
  assert.equal('last_evaluated_key' in body, false)
  const item = body.items.find(({ provider_reference }: Record<string, string>) => provider_reference === 'vipps-NOK-2026-11-18')
  const { id, attachments, ...rest } = item
  assert.deepEqual(rest, {
    account_id: shop.account_id,
    start_at: '2026-11-18T00:00:00.000Z',
    end_at: '2026-11-19T00:00:00.000Z',
    created_at: '2026-11-20T09:00:00.000Z',
    updated_at: '2026-11-20T09:00:00.000Z',
    settled_at: '2026-11-20T09:00:00.000Z',
    provider: 'vipps',
    provider_reference: 'vipps-NOK-2026-11-18',
    amounts: [{ amount: 9_715, capture: 10_000, refund: 0, fee: 285, currency: 'NOK' }],
    payment_status: 'paid',
  })
  assert.deepEqual(
    attachments.map((attachment: { id: string; content_type: string }) => [attachment.id, attachment.content_type]),
    [
      [`${id}-csv`, 'text/csv'],
      [`${id}-pdf`, 'application/pdf'],
    ],
  )
})

test('settlements: page by page, each once', async () => {
  const pages: string[] = []
  let query = '?limit=4'
  for (let page = 0; page < 3; page++) {
    const { body } = await shop.call('GET', path + query)
    pages.push(...body.items.map(({ id }: { id: string }) => id))
    const key = body.last_evaluated_key
    if (!key) break
    assert.equal(key.account_id, shop.account_id)
    query = `?limit=4&starting_after_id=${key.id}&starting_after_date=${key.settled_at}`
  }
  const { body } = await shop.call('GET', path)
  assert.deepEqual(
    pages,
    body.items.map(({ id }: { id: string }) => id),
  )
})

const filters: [query: string, found: number][] = [
  ['payment_provider=vipps', 3],
  ['payment_provider=vipps&payment_provider=dintero_psp', 6],
  ['payment_provider[]=vipps', 3],
  ['payment_provider=vipps,dintero_psp', 6],
  ['payment_provider=swish', 0],
  ['created_at.gte=2026-11-20', 6],
  ['created_at.gte=2026-11-21', 0],
  ['created_at.lte=2026-11-20', 6],
  ['created_at.lte=2026-11-19', 0],
  ['item_created_at.gte=2026-11-20T09:00:00Z&item_created_at.lte=2026-11-20T09:00:00Z', 6],
  ['payout_destination_id=p-1', 0],
  ['search=vipps-18', 1],
  ['search=vipps-NOK-2026-11-18', 1],
  ['search=nothing', 0],
  ['limit=1000', 6],
]
for (const [query, found] of filters) {
  test(`settlements: ${found} with ${query}`, async () => {
    const { status, body } = await shop.call('GET', `${path}?${query}`)
    assert.equal(status, 200, JSON.stringify(body))
    assert.equal(body.items.length, found, JSON.stringify(names(body)))
  })
}

test('settlements: found by the id of a transaction', async () => {
  const { body } = await shop.call('GET', `${path}?search=${sales['vipps-19']}`)
  assert.deepEqual(names(body), ['vipps 19'])
})

for (const query of [
  ...['limit=0', 'limit=1001', 'starting_after_id=x', 'starting_after_date=2026-11-20', 'created_at.gte=yesterday'],
  'created_at.gte=2026-11-20&item_created_at.lte=2026-11-20',
  ...['created_at.gte=0000-01-01', 'item_created_at.lte=2026-11-31'],
]) {
  test(`settlements: 400 with ${query}`, async () => assert.equal((await shop.call('GET', `${path}?${query}`)).status, 400))
}

test('settlements: 403 on another account, and without a scope that suffices; nothing of others', async () => {
  const other = await createTestAccount(server, { account_id: 'T00000043', scopes: ['read:billing'] })
  assert.equal((await other.call('GET', path)).status, 403)
  assert.deepEqual(await server.settlements('', other), { items: [] })
  assert.equal((await other.call('PUT', `/v1/accounts/T00000043/settlements/fees`, { fees: [] })).status, 403)
  const none = await createTestAccount(server, { account_id: 'T00000044', scopes: ['admin:checkout'] })
  assert.equal((await none.call('GET', '/v1/accounts/T00000044/settlements')).status, 403)
})

async function attachment(reference: string, extension: string) {
  const { items } = await server.settlements(`?search=${reference}`)
  const found = items[0].attachments.find((one: { extension: string }) => one.extension === extension)
  const asked = await shop.call('GET', `${path}/${items[0].id}/attachments/${found.id}`)
  assert.equal(asked.status, 200)
  assert.equal(typeof asked.body, 'string')
  return asked.body as string
}

test('attachment: the CSV has every item and the total, and runs nothing in a spreadsheet', async () => {
  const url = await attachment('vipps-NOK-2026-11-18', 'csv')
  const response = await fetch(url)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8')
  assert.equal(response.headers.get('content-disposition'), 'attachment; filename="settlement-vipps-NOK-2026-11-18.csv"')
  const text = await response.text()
  const [head, ...lines] = text.trimEnd().split('\r\n')
  const rows = lines.map((line) =>
    Object.fromEntries(line.split(',').map((cell, index) => [head!.split(',')[index], cell] as const)),
  )
  assert.deepEqual(
    rows.map(({ event, merchant_reference, event_reference, capture, refund, fee, amount }) =>
      [event, merchant_reference, event_reference, capture, refund, fee, amount].join(' '),
    ),
    ["CAPTURE vipps-18 '=cmd() 10000 0 285 9715", 'TOTAL   10000 0 285 9715'],
  )
  assert.equal(rows[0]!.transaction_id, sales['vipps-18'])
  assert.equal(await (await fetch(url)).text(), text, 'the same again')
})

/** A stream may end with a carriage return of its own: the line end before `endstream` is a line feed. */
const streamsOf = (pdf: Buffer) =>
  [...pdf.toString('latin1').matchAll(/stream\n([\s\S]*?)\nendstream/g)].map(([, stream]) =>
    inflateSync(Buffer.from(stream!, 'latin1')).toString('latin1'),
  )

/** The letters of the font that is put into the file: what its ToUnicode map names. */
function lettersOf(pdf: Buffer): string {
  const maps = streamsOf(pdf).filter((stream) => stream.includes('beginbfrange'))
  const codes = maps.flatMap((map) => [...map.matchAll(/\[(.*)\]/g)].flatMap(([, list]) => list!.match(/[0-9a-f]{4,}/g) ?? []))
  return codes.map((code) => String.fromCodePoint(Number.parseInt(code, 16))).join('')
}

/** What the PDF shows: the text of its streams. Its own fonts have one byte a letter, written as hex. */
function textOf(pdf: Buffer): string {
  return streamsOf(pdf)
    .map((stream) => {
      const lines = stream.matchAll(/\[(.*)\] TJ/g)
      return [...lines]
        .map(([, line]) =>
          [...line!.matchAll(/<([0-9a-f]+)>/g)].map(([, hex]) => Buffer.from(hex!, 'hex').toString('latin1')).join(''),
        )
        .join('\n')
    })
    .join('\n')
}

test('attachment: the PDF opens and has account, period, provider, transactions and totals', async () => {
  const url = await attachment('vipps-NOK-2026-11-18', 'pdf')
  const response = await fetch(url)
  assert.equal(response.headers.get('content-type'), 'application/pdf')
  const pdf = Buffer.from(await response.arrayBuffer())
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-')
  assert.match(pdf.subarray(-10).toString(), /%%EOF/)
  const lines = textOf(pdf).split('\n')
  const shown = ['Settlement', shop.account_id, 'vipps', '2026-11-18 00:00 to 2026-11-19 00:00', 'vipps-18', sales['vipps-18']!]
  for (const line of [...shown, '100.00 NOK', '-2.85 NOK', '97.15 NOK', '97.15', 'Total']) {
    assert.ok(lines.includes(line), `${line} is not in ${lines.join(' | ')}`)
  }
  assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), pdf, 'the same again')
  assert.ok(pdf.length < 6_000, 'no font is put into it')
})

test('attachment: 403 with a wrong or expired signature, 404 for another, 401 without a token', async () => {
  const url = await attachment('vipps-NOK-2026-11-18', 'csv')
  const other = await attachment('vipps-NOK-2026-11-19', 'csv')
  const swapped = `${other.split('?')[0]}?${url.split('?')[1]}`
  const later = url.replace(/expires=(\d+)/, (_, expires) => `expires=${Number(expires) + 1}`)
  for (const wrong of [
    swapped,
    later,
    `${url}x`,
    url.replace(shop.account_id, 'T00000043'),
    url.replace(shop.account_id, 'T99999999'),
  ]) {
    assert.equal((await fetch(wrong)).status, 403, wrong)
  }
  assert.equal((await fetch(url.split('?')[0]!)).status, 400)
  assert.equal((await shop.call('GET', `${path}/none/attachments/none-csv`)).status, 404)
  const [id] = /[0-9a-f-]{36}/.exec(url)!
  assert.equal((await shop.call('GET', `${path}/${id}/attachments/${id}-exe`)).status, 404)
  assert.equal((await send(server.url, 'GET', `${path}/${id}/attachments/${id}-csv`)).status, 401)
  server.to('2026-11-20T09:15:00.001Z')
  assert.equal((await fetch(url)).status, 403)
})

test('attachment: a settlement without end fits in a PDF of many pages', async () => {
  server.to('2026-11-20T10:00:00.000Z')
  const id = await server.pay({ amount: 60, reference: 'Ærlig 漢字 '.repeat(20) })
  for (let part = 0; part < 60; part++) await server.move(id, 'capture', 1)
  const large = await server.pay({ amount: 912_345_678_901, reference: 'Łódź–2026-'.repeat(4) })
  await server.move(large, 'capture', 912_345_678_901)
  server.to('2026-11-21T09:00:00.000Z')
  await server.settle()
  const pdf = Buffer.from(await (await fetch(await attachment('dintero_psp-NOK-2026-11-20', 'pdf'))).arrayBuffer())
  const text = textOf(pdf)
  assert.match(text, /Ærlig \?\?/)
  assert.match(text, /Page 2/)
  assert.equal(text.match(/^0\.01$/gm)?.length, 120)
  const csv = await (await fetch(await attachment('dintero_psp-NOK-2026-11-20', 'csv'))).text()
  assert.equal(csv.trimEnd().split('\r\n').length, 63)
  assert.match(text, /^9 123 456 789\.01$/m, 'an amount is never cut')
  assert.match(text, /^9 123 456 789\.61$/m)
  assert.deepEqual([...new Set(lettersOf(pdf).replaceAll('\0', ''))].sort(), [...new Set('Łódź–2026-')].sort())
  assert.ok(pdf.length < 40_000, 'of the font only what is used')
  assert.match(csv, /漢字/)
})

test('reports: one for each file of a settlement, newest first, page by page, each once; the URL serves it', async () => {
  const reports = `/v1/accounts/${shop.account_id}/reports/metadata`
  const { status, body } = await shop.call('GET', `${reports}?limit=100`)
  assert.equal(status, 200, JSON.stringify(body))
  const { items } = (await shop.call('GET', path)).body
  const ids = items.flatMap(({ attachments }: { attachments: { id: string }[] }) => attachments.map(({ id }) => id))
  assert.deepEqual(
    body.reports.map(({ id }: { id: string }) => id),
    ids,
  )
  assert.equal('starting_after' in body, false)
  const { id, signed_url, report_file_name, ...rest } = body.reports[0]
  assert.deepEqual(rest, {
    ...{ account_id: shop.account_id, content_type: 'text/csv', content_language: 'en', created_by: 'kvitt' },
    ...{ created_at: items[0].created_at, data_from: items[0].start_at, data_to: items[0].end_at, schedule: 'daily' },
    ...{ data_type: 'settlement', report_filters: [] },
  })
  assert.equal(report_file_name, items[0].attachments[0].key)
  const file = await fetch(signed_url)
  assert.deepEqual([file.status, (await file.text()).includes('TOTAL')], [200, true])

  const seen: string[] = []
  let after: string | undefined = ''
  while (after !== undefined) {
    const page: { reports: { id: string }[]; starting_after?: string } = (
      await shop.call('GET', `${reports}?limit=5${after && `&starting_after=${after}`}`)
    ).body
    seen.push(...page.reports.map((report) => report.id))
    after = page.starting_after
  }
  assert.deepEqual(seen, ids)
  for (const unknown of ['x', `${id}x`, '-csv']) {
    assert.deepEqual((await shop.call('GET', `${reports}?starting_after=${unknown}`)).body, { reports: [] })
  }
  assert.equal((await shop.call('GET', `${reports}?limit=101`)).status, 400)
  const reader = await createTestAccount(server, { scopes: ['read:settlements'] })
  assert.equal((await reader.call('GET', reports.replace(shop.account_id, reader.account_id))).status, 403)
})

test('fees: 200 with what holds from now on; 400 for two of the same', async () => {
  const fee = { provider: 'vipps', currency: 'NOK', basis_points: 275, fixed: 10 }
  assert.deepEqual((await shop.call('GET', `${path}/fees`)).body, { fees: [fee] })
  const twice = await shop.call('PUT', `${path}/fees`, { fees: [fee, { ...fee, fixed: 3 }] })
  assert.equal(twice.status, 400)
  assert.equal(twice.body.error.errors[0].path, '/fees/1')
  const other = { provider: 'swish', currency: 'SEK', basis_points: 0, fixed: 200 }
  assert.deepEqual((await shop.call('PUT', `${path}/fees`, { fees: [other] })).body, { fees: [other] })
  assert.equal((await shop.call('PUT', `${path}/fees`, { fees: [{ ...fee, basis_points: 10_001 }] })).status, 400)
  assert.deepEqual((await shop.call('PUT', `${path}/fees`, { fees: [] })).body, { fees: [] })
})

const wanted = {
  filetypes: ['pdf', 'csv'],
  destinations: [{ id: 'd-1', destination_type: 'email', destination_value: 'a@shop.example' }],
  providers: ['vipps'],
  filters: [{ filter: 'payout_destination_id', value: 'p-1' }],
  send_every: 'day',
}

test('report configurations: created, listed, read, replaced, deleted: 200 each', async () => {
  const at = `${path}/reports/configuration`
  const created = await shop.call('POST', at, { ...wanted, unknown: 1 })
  assert.equal(created.status, 200, JSON.stringify(created.body))
  const { id, created_at, updated_at, last_modified_at, ...rest } = created.body
  assert.deepEqual(rest, { ...wanted, account_id: shop.account_id })
  assert.ok(created_at && updated_at)
  assert.equal(last_modified_at, Date.parse(updated_at), 'published as a number of milliseconds')
  assert.deepEqual((await shop.call('GET', `${at}/${id}`)).body, created.body)
  server.to('2026-11-21T11:00:00.000Z')
  const second = await shop.call('POST', at, {
    filetypes: [],
    providers: [],
    destinations: [{ destination_type: 'account_email' }],
  })
  assert.match(second.body.destinations[0].id, /^[0-9a-f-]{36}$/)
  const all = (await shop.call('GET', at)).body
  assert.equal(all.items.length, 2)
  const first = (await shop.call('GET', `${at}?limit=1`)).body
  const rest_of = (await shop.call('GET', `${at}?limit=1&starting_after=${first.starting_after}`)).body
  assert.deepEqual([...first.items, ...rest_of.items], all.items)
  assert.equal('starting_after' in rest_of, false)
  const put = await shop.call('PUT', `${at}/${id}`, { ...wanted, providers: [] })
  assert.deepEqual([put.status, put.body.providers], [200, []])
  assert.equal((await shop.call('DELETE', `${at}/${id}`)).status, 200)
  for (const method of ['GET', 'DELETE']) assert.equal((await shop.call(method, `${at}/${id}`)).status, 404)
  assert.equal((await shop.call('PUT', `${at}/${id}`, wanted)).status, 404)
  assert.equal((await shop.call('POST', at, { filetypes: ['pdf'], providers: [] })).status, 400)
})

test('test report: 201 for what is not settled, which then is; 200 when nothing is left; 403 in production', async () => {
  const at = `${path}/reports/generate-test-report`
  server.to('2026-11-21T10:00:00.000Z')
  assert.equal((await shop.call('POST', at)).status, 200)
  const one = await server.pay({ amount: 3_000, reference: 'test-1' })
  const two = await server.pay({ amount: 4_000, reference: 'test-2' })
  for (const id of [one, two]) await server.move(id, 'capture', 2_000)
  assert.equal((await shop.call('POST', at, { date_range: { start_date: '2026-11-01', end_date: '2026-11-15' } })).status, 200)
  const first = await shop.call('POST', at, { transaction_ids: [one, 'none'] })
  assert.deepEqual([first.status, first.body], [201, { message: '1 settlement was created.' }])
  const captured = (await server.transaction(one)).events.find(({ event }: { event: string }) => event === 'CAPTURE').created_at
  const { start_at, end_at } = (await server.settlements('?limit=1')).items[0]
  assert.deepEqual([start_at, end_at], [captured, new Date(Date.parse(captured) + 1).toISOString()], 'the time of its events')
  assert.deepEqual(
    [(await server.transaction(one)).settlement_status, (await server.transaction(two)).settlement_status],
    ['SETTLED', 'NOT_SETTLED'],
  )
  assert.equal((await shop.call('POST', at, { transaction_ids: [one] }, { 'idempotency-key': 'k-1' })).status, 200)
  await server.move(one, 'refund', 500)
  assert.equal((await server.transaction(one)).settlement_status, 'PARTIALLY_SETTLED')
  server.to('2026-11-21T11:00:00.000Z')
  const second = await shop.call('POST', at, { number_of_transactions: 2 }, { 'idempotency-key': 'k-2' })
  assert.equal(second.status, 201)
  assert.equal((await server.transaction(two)).settlement_status, 'SETTLED')
  const { items } = await server.settlements('?limit=1')
  assert.deepEqual(items[0].amounts, [{ amount: 1_500, capture: 2_000, refund: 500, fee: 0, currency: 'NOK' }])
  // The day itself finds nothing left.
  server.to('2026-11-22T09:00:00.000Z')
  assert.equal(await server.settle(), 0)
  assert.equal((await shop.call('POST', at, { date_range: { start_date: '2026-11-09', end_date: '2026-11-08' } })).status, 400)
  assert.equal((await shop.call('POST', at, { date_range: { start_date: 'soon' } })).status, 400)
  assert.equal((await shop.call('POST', at, { date_range: { end_date: '9999-12-31' } })).status, 200)
  const production = await createTestAccount(server, { account_id: 'P00000042', scopes: ['admin:reports'] })
  assert.equal((await production.call('POST', at.replace(shop.account_id, 'P00000042'))).status, 403)
})

test('test report: of several at once each has told its transactions when it is answered', async () => {
  const at = `${path}/reports/generate-test-report`
  const ids = await Promise.all(Array.from({ length: 8 }, () => server.pay({ amount: 1_000 })))
  await Promise.all(ids.map((id) => server.move(id, 'capture', 1_000)))
  const statuses = ids.map(async (id) => {
    assert.equal((await shop.call('POST', at, { transaction_ids: [id] })).status, 201)
    return (await server.transaction(id)).settlement_status
  })
  assert.deepEqual(
    await Promise.all(statuses),
    ids.map(() => 'SETTLED'),
  )
})
