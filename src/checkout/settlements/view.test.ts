import assert from 'node:assert/strict'
import { test } from 'node:test'
import { before, chance, later, now } from '../../../test/rows.ts'
import {
  csvHead,
  csvItem,
  csvTotal,
  decimal,
  isWestern,
  pdfCells,
  pdfColumns,
  pdfFacts,
  pdfTotals,
  printable,
} from './attachments/report.ts'
import { configurationOf, configurationView } from './report-configurations/report-configuration.ts'
import { filesOf, reportView } from './reports/report.ts'
import {
  attachmentName,
  extensionOf,
  finishedUntil,
  look_back_ms,
  midnight,
  providerReference,
  type SettlementRow,
  settlementEvent,
  settlementView,
} from './settlement.ts'
import type { ItemRow } from './store.ts'

const row: SettlementRow = {
  ...{ account_id: 'T12345678', id: 's', kind: 'day', provider: 'dintero_psp', provider_reference: 'dintero_psp-NOK-2026-11-22' },
  ...{
    currency: 'NOK',
    payout_destination_id: '',
    start_at: new Date('2026-11-22T00:00Z'),
    end_at: new Date('2026-11-23T00:00Z'),
  },
  ...{ capture: 100_000, refund: 40_000, fee: 500, amount: 59_500, item_count: 2, told_at: null },
  ...{ created_at: before, updated_at: now, settled_at: later(60_000) },
}
const item = {
  ...{ created_at: now, transaction_id: 'T12345678.t', merchant_reference: 'R,1', event: 'CAPTURE', event_reference: null },
  ...{ payment_product_type: 'dintero_psp.creditcard', capture: 100_000, refund: 0, fee: 500 },
} as unknown as ItemRow

test('settlement: the days, and what the provider calls it', () => {
  assert.deepEqual(midnight(new Date('2026-11-22T23:59:59.999Z')), row.start_at)
  assert.deepEqual(finishedUntil(new Date('2026-11-23T00:10Z')), row.end_at)
  assert.equal(look_back_ms, 172_800_000)
  assert.equal(providerReference(row, row.start_at), 'dintero_psp-NOK-2026-11-22')
  assert.equal(providerReference({ ...row, payout_destination_id: 'P' }, row.start_at), 'dintero_psp-NOK-2026-11-22-P')
})

test('settlement: what a transaction is told', () => {
  const items = [
    { capture: 100, refund: 0, fee: 5, request_id: 'r1' },
    { capture: 0, refund: 30, fee: 0, request_id: 'r2' },
  ]
  const untold = { id: 't', version: 7, event_count: 4, status: 'CAPTURED' as const, moved: 3, settled: 2, items }
  const shared = { settlement_id: 's', provider_reference: row.provider_reference }
  assert.deepEqual(settlementEvent(untold, row, chance()), {
    ...{ transaction_id: 't', version: 7, sequence: 5, transaction_status: 'CAPTURED', settlement_status: 'PARTIALLY_SETTLED' },
    ...{ amount: 65, request_id: 'u1', created_at: now.toISOString() },
    data: {
      settlements: {
        settlement_status: 'PARTIALLY_SETTLED',
        events: [
          { ...shared, amount: 95, event_correlation_id: 'r1', capture: 100, refund: 0, fee: 5 },
          { ...shared, amount: -30, event_correlation_id: 'r2', capture: 0, refund: 30, fee: 0 },
        ],
      },
    },
  })
})

test('settlement: its attachments', () => {
  assert.equal(attachmentName(row, 'pdf'), 'settlement-dintero_psp-NOK-2026-11-22.pdf')
  assert.equal(attachmentName({ provider_reference: 'a/b é.c-d' }, 'csv'), 'settlement-a_b__.c-d.csv')
  assert.deepEqual(
    [extensionOf(row, 's-csv'), extensionOf(row, 's-pdf'), extensionOf(row, 's-txt'), extensionOf(row, 'x-csv')],
    [...['csv', 'pdf', undefined, undefined]],
  )
})
test('settlement: as it is shown', () => {
  const attachment = (extension: string, content_type: string) => ({
    ...{
      id: `s-${extension}`,
      key: `settlement-dintero_psp-NOK-2026-11-22.${extension}`,
      content_type,
      extension,
      created_by: 'kvitt',
    },
  })
  const shown = {
    ...{ id: 's', account_id: 'T12345678', start_at: '2026-11-22T00:00:00.000Z', end_at: '2026-11-23T00:00:00.000Z' },
    ...{ created_at: before.toISOString(), updated_at: now.toISOString(), settled_at: later(60_000).toISOString() },
    ...{ provider: 'dintero_psp', provider_reference: 'dintero_psp-NOK-2026-11-22', payment_status: 'paid' },
    attachments: [attachment('csv', 'text/csv'), attachment('pdf', 'application/pdf')],
    amounts: [{ amount: 59_500, capture: 100_000, refund: 40_000, fee: 500, currency: 'NOK' }],
  }
  assert.deepEqual(settlementView(row), shown)
  const owed = settlementView({ ...row, amount: -1, payout_destination_id: 'P' })
  assert.deepEqual([owed.payment_status, owed.payout_destination_id], ['postponed', 'P'])
  assert.equal(settlementView({ ...row, amount: 0 }).payment_status, 'paid')
})

test('reports: the files of a settlement, and one as it is shown', () => {
  const [csv, pdf] = filesOf(row)
  assert.deepEqual(
    [csv, pdf],
    [
      { settlement: row, extension: 'csv' },
      { settlement: row, extension: 'pdf' },
    ],
  )
  assert.deepEqual([filesOf(row, 'csv'), filesOf(row, 'pdf')], [[pdf], []])
  const shown = {
    ...{ id: 's-csv', account_id: 'T12345678', content_type: 'text/csv', content_language: 'en', created_by: 'kvitt' },
    ...{ created_at: before.toISOString(), data_from: '2026-11-22T00:00:00.000Z', data_to: '2026-11-23T00:00:00.000Z' },
    ...{ schedule: 'daily', report_file_name: 'settlement-dintero_psp-NOK-2026-11-22.csv', data_type: 'settlement' },
    ...{ signed_url: 'https://u', report_filters: [] },
  }
  assert.deepEqual(reportView(csv!, 'https://u'), shown)
  const test = reportView({ ...csv!, settlement: { ...row, kind: 'test', payout_destination_id: 'P' } }, 'https://u')
  const { schedule: _, ...rest } = shown
  assert.deepEqual(test, { ...rest, report_filters: [{ filter: 'operation_payout_destination', value: 'P' }] })
})

test('settlement: as CSV', () => {
  const first =
    'account_id,settlement_id,provider,provider_reference,start_at,end_at,created_at,transaction_id,merchant_reference,event'
  assert.equal(csvHead(), `${first},event_reference,payment_product_type,currency,capture,refund,fee,amount\r\n`)
  const shared = 'T12345678,s,dintero_psp,dintero_psp-NOK-2026-11-22,2026-11-22T00:00:00.000Z,2026-11-23T00:00:00.000Z'
  const paid = (reference: string) => `T12345678.t,"R,1",CAPTURE,${reference},dintero_psp.creditcard,NOK,100000,0,500,99500`
  assert.equal(csvItem(row, item), `${shared},2026-11-23T10:00:00.000Z,${paid('')}\r\n`)
  assert.equal(csvItem(row, { ...item, event_reference: 'E' }), `${shared},2026-11-23T10:00:00.000Z,${paid('E')}\r\n`)
  assert.match(csvItem(row, { ...item, capture: 0, refund: 7, fee: 0 }), /,0,7,0,-7\r\n$/)
  assert.equal(csvTotal(row), `${shared},2026-11-23T10:01:00.000Z,,,TOTAL,,,NOK,100000,40000,500,59500\r\n`)
})
test('settlement: as PDF', () => {
  const facts = [
    ['Account', 'T12345678'],
    ['Provider', 'dintero_psp'],
    ['Period (UTC)', '2026-11-22 00:00 to 2026-11-23 00:00'],
    ['Settled', '2026-11-23 10:01'],
    ['Reference', 'dintero_psp-NOK-2026-11-22'],
    ['Settlement', 's'],
  ]
  assert.deepEqual(pdfFacts(row), [...facts, ['Currency', 'NOK']])
  assert.deepEqual(pdfFacts({ ...row, payout_destination_id: 'P' }), [...facts, ['Payout destination', 'P'], ['Currency', 'NOK']])
  const moved = [
    ['Captured', '1 000.00'],
    ['Refunded', '-400.00'],
    ['Fees', '-5.00'],
  ]
  assert.deepEqual(pdfTotals(row), [...moved, ['Amount', '595.00']])
  assert.deepEqual(pdfTotals({ ...row, amount: -1 }), [...moved, ['Amount', '-0.01']])
  assert.deepEqual(pdfTotals({ ...row, amount: 0 }).at(-1), ['Amount', '0.00'])
  assert.deepEqual(pdfCells(row, item), ['2026-11-23 10:00', 'R,1', 'T12345678.t', '1 000.00', '', '-5.00', '995.00'])
  assert.deepEqual(pdfCells(row, { ...item, merchant_reference: 'é ~ ÿ ł\n', capture: 0, refund: 7, fee: 0 }), [
    ...['2026-11-23 10:00', 'é ~ ÿ ł ', 'T12345678.t', '', '-0.07', '', '-0.07'],
  ])
  assert.deepEqual(
    pdfColumns.map(({ name, align }) => `${name} ${align}`),
    [
      ...['Time (UTC) left', 'Merchant reference left', 'Transaction left', 'Captured right', 'Refunded right', 'Fee right'],
      'Amount right',
    ],
  )
  // An A4 page is 595 points wide.
  assert.ok(pdfColumns.reduce((sum, { width }) => sum + width, 0) <= 595 - 2 * 36)
})
for (const [amount, currency, text] of [
  [1_234_567, 'BHD', '1 234.567'],
  [-5, 'JPY', '-5'],
  [99, 'NOK', '0.99'],
  [1_000, 'JPY', '1 000'],
  [100_000, 'HUF', '1 000.00'],
] as const) {
  test(`decimal: ${amount} ${currency} is ${text}`, () => assert.equal(decimal(amount, currency), text))
}

test('report configuration: its known members; destinations without an id get one', () => {
  const destination = { destination_type: 'email', destination_value: 'a@example.com' }
  const body = {
    filetypes: ['csv'],
    providers: ['all'],
    destinations: [
      { ...destination, more: 1 },
      { id: 'd', destination_type: 'x' },
    ],
  }
  const kept = {
    ...{ filetypes: ['csv'], providers: ['all'] },
    destinations: [
      { id: 'u1', ...destination },
      { id: 'd', destination_type: 'x' },
    ],
  }
  const { uuid } = chance()
  assert.deepEqual(configurationOf({ ...body, secret: 1 } as never, uuid), kept)
  const more = { filters: { a: 1 }, send_every: 'day' }
  const data = configurationOf({ ...body, ...more } as never, chance().uuid)
  assert.deepEqual(data, { ...kept, ...more })
  const columns = { account_id: 'T1', id: 'r', created_at: before, updated_at: now, last_modified_at: now }
  assert.deepEqual(configurationView({ ...columns, data }), { ...columns, last_modified_at: now.getTime(), ...kept, ...more })
})

// What the font of the PDF can show of a text.
const texts: [text: string, shown: string][] = [
  [' ~\xa0ÿ€Œ‚Ÿ', ' ~\xa0ÿ€Œ‚Ÿ'],
  ['e\u0301', 'é'],
  ['Łódź č ő Ș', 'Łódź č ő Ș'],
  ['Ελλάδα Київ Հայ ₴ №', 'Ελλάδα Київ Հայ ₴ №'],
  ['a\tb\nc', 'a b c'],
  ['日本 \u0301 😀', '?? ? ?'],
]
for (const [text, western] of [
  ['', true],
  ['Kroner – 12 €', true],
  ['Łódź', false],
  ['Київ', false],
] as const) {
  test(`PDF: ${JSON.stringify(text)} is ${western ? 'in' : 'not in'} the font that every reader has`, () =>
    assert.equal(isWestern(text), western))
}
for (const [text, shown] of texts) test(`PDF: ${JSON.stringify(text)} is ${shown}`, () => assert.equal(printable(text), shown))
