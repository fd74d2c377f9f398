import { createHmac, timingSafeEqual } from 'node:crypto'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type PDFDocument from 'pdfkit'
import type { Config } from '../../../lib/config.ts'
import type { Sql } from '../../../lib/db.ts'
import { ApiError } from '../../../lib/errors.ts'
import type { Clock } from '../../../lib/ids.ts'
import { attachmentName, attachmentTypes, extensionOf, type SettlementRow } from '../settlement.ts'
import { findAccount, findSettlement, type ItemRow, listItems } from '../store.ts'
import { csvHead, csvItem, csvTotal, isWestern, pdfCells, pdfColumns, pdfFacts, pdfTotals, printable } from './report.ts'

type Named = { account_id: string; settlement_id: string; attachment_id: string }
type Pdf = InstanceType<typeof PDFDocument>

/** How long a URL of an attachment can be used. */
const url_lifetime_ms = 900_000
/** Items that are read at a time. */
const page_size = 1_000
/** A PDF longer than this is no use to anybody: it says so, has the totals, and the CSV has the rest. */
const pdf_items_max = 10_000

/** A URL on this server by which whoever has it may download the attachment for a while. Errors: not_found. */
export async function attachmentUrl(parts: Signing, named: Named): Promise<string> {
  await findAttachment(parts.sql, named)
  const [url] = await attachmentUrls(parts, named.account_id, [named])
  return url!
}

type Signing = { sql: Sql; config: Config; clock: Clock }

/** Such URLs of attachments that exist, in their order. */
export async function attachmentUrls(
  { sql, config, clock }: Signing,
  account_id: string,
  attachments: readonly Omit<Named, 'account_id'>[],
): Promise<string[]> {
  const key = await keyOf(sql, account_id)
  const expires = clock.now().getTime() + url_lifetime_ms
  return attachments.map(({ settlement_id, attachment_id }) => {
    const path = `/v1/accounts/${account_id}/settlements/${settlement_id}/attachments/${attachment_id}/download`
    const signature = sign(key, { account_id, settlement_id, attachment_id }, expires)
    return `${config.public_url}${path}?expires=${expires}&signature=${signature}`
  })
}

export type Download = { name: string; content_type: string; content: Readable }

/** The attachment that a signed URL names. Errors: forbidden, not_found. */
export async function downloadAttachment(
  { sql, clock }: { sql: Sql; clock: Clock },
  { expires, signature, ...named }: Named & { expires: string; signature: string },
): Promise<Download> {
  const key = await keyOf(sql, named.account_id)
  const wanted = Buffer.from(sign(key, named, expires))
  const given = Buffer.from(signature)
  if (key === '' || wanted.length !== given.length || !timingSafeEqual(wanted, given)) {
    throw new ApiError('forbidden', 'The signature of this URL is not right.')
  }
  if (Number(expires) < clock.now().getTime()) throw new ApiError('forbidden', 'This URL has expired. Ask for a new one.')
  const { settlement, extension } = await findAttachment(sql, named)
  const content = extension === 'csv' ? Readable.from(csv(sql, settlement)) : await pdf(sql, settlement)
  return { name: attachmentName(settlement, extension), content_type: attachmentTypes[extension], content }
}

async function findAttachment(sql: Sql, { account_id, settlement_id, attachment_id }: Named) {
  const settlement = await findSettlement(sql, account_id, settlement_id)
  const extension = settlement && extensionOf(settlement, attachment_id)
  if (!extension) throw new ApiError('not_found', 'There is no such attachment.')
  return { settlement, extension }
}

async function keyOf(sql: Sql, account_id: string): Promise<string> {
  return (await findAccount(sql, account_id))?.url_key ?? ''
}

function sign(key: string, { account_id, settlement_id, attachment_id }: Named, expires: number | string): string {
  const text = [account_id, settlement_id, attachment_id, expires].join('\n')
  return createHmac('sha256', key).update(text).digest('base64url')
}

/** Every item, a page at a time: a settlement may have millions. */
async function* items(sql: Sql, settlement: SettlementRow): AsyncGenerator<ItemRow[]> {
  let after: ItemRow | undefined
  while (true) {
    const page = await listItems(sql, settlement, { after, limit: page_size })
    yield page
    after = page.at(-1)
    if (page.length < page_size) return
  }
}

async function* csv(sql: Sql, settlement: SettlementRow): AsyncGenerator<string> {
  yield csvHead()
  for await (const page of items(sql, settlement)) yield page.map((item) => csvItem(settlement, item)).join('')
  yield csvTotal(settlement)
}

/** Starts the PDF; the rest is written as it is read. The library is large, so it is loaded when the first PDF is asked for. */
async function pdf(sql: Sql, settlement: SettlementRow): Promise<Readable> {
  const { default: Document } = await import('pdfkit')
  const title = `Settlement ${settlement.provider_reference}`
  const info = { Title: title, Author: 'Kvitt', Producer: 'Kvitt', Creator: 'Kvitt', CreationDate: settlement.settled_at }
  const document = new Document({ size: 'A4', margin: 0, lang: 'en', info })
  write(document, sql, settlement).catch((error) => document.destroy(error))
  return document
}

/** For letters that the fonts of every PDF reader lack. Only those that are used get into the file. */
const wide_font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSansCondensed.ttf')
const fontOf = (text: string, usual: string) => (isWestern(text) ? usual : wide_font)
/** How far the line on which the letters stand is below their top, in both fonts: so that they stand in one row. */
const on_line = (y: number, size: number) => y + 0.718 * size

const left = 36
const text_size = 7
const line_height = 9
const row_height = 15
const ink = '#1d2330'
const grey = '#667085'

async function write(document: Pdf, sql: Sql, settlement: SettlementRow): Promise<void> {
  let y = head(document, settlement)
  let page = 1
  y = tableHead(document, y)
  let written = 0
  // Thousands of rows take seconds: after each page, whoever else asks this process something has his turn.
  const room = async () => {
    if (y + row_height + line_height <= document.page.height - 60) return
    await setImmediate()
    foot(document, settlement, page)
    document.addPage()
    page += 1
    y = tableHead(document, 45)
  }
  for await (const rows of items(sql, settlement)) {
    for (const item of rows) {
      await room()
      y = row(document, y, pdfCells(settlement, item), 'Helvetica')
      written += 1
      if (written === pdf_items_max) break
    }
    if (written === pdf_items_max) break
  }
  await room()
  if (written < settlement.item_count) {
    const text = `… and ${settlement.item_count - written} more, all of them in the CSV.`
    document.font('Helvetica-Oblique').fontSize(8).fillColor(grey).text(text, left, y, { lineBreak: false })
    y += row_height
    await room()
  }
  const sums = pdfTotals(settlement).map(([, value]) => value)
  rule(document, y - 3, left, document.page.width - left)
  row(document, y + 3, ['Total', '', '', ...sums], 'Helvetica-Bold')
  foot(document, settlement, page)
  document.end()
}

/** Title, facts on the left, sums on the right. Returns where the table begins. */
function head(document: Pdf, settlement: SettlementRow): number {
  const right = document.page.width - left
  document.font('Helvetica-Bold').fontSize(20).fillColor(ink).text('Settlement', left, 45, { lineBreak: false })
  let y = 82
  for (const [name, value] of pdfFacts(settlement)) {
    document.font('Helvetica').fontSize(9).fillColor(grey).text(name, left, y, { lineBreak: false })
    document
      .font(fontOf(value, 'Helvetica'))
      .fillColor(ink)
      .text(value, left + 90, on_line(y, 9), { width: 210, height: 11, ellipsis: true, lineBreak: false, baseline: 'alphabetic' })
    y += 15
  }
  let x_y = 82
  for (const [name, value] of pdfTotals(settlement)) {
    const last = name === 'Amount'
    document.font('Helvetica').fontSize(9).fillColor(grey)
    document.text(name, right - 165, x_y + (last ? 5 : 0), { lineBreak: false })
    if (last) rule(document, x_y, right - 165, right)
    document
      .font(last ? 'Helvetica-Bold' : 'Helvetica')
      .fontSize(last ? 12 : 9)
      .fillColor(ink)
    document.text(`${value} ${settlement.currency}`, right - 165, x_y + (last ? 4 : 0), {
      width: 165,
      align: 'right',
      lineBreak: false,
    })
    x_y += 15
  }
  if (settlement.amount < 0) {
    const text = 'Owed to the provider: nothing is paid out.'
    document.font('Helvetica').fontSize(7.5).fillColor(grey)
    document.text(text, right - document.widthOfString(text), x_y + 8, { lineBreak: false })
  }
  return y + 18
}

function tableHead(document: Pdf, y: number): number {
  const names = pdfColumns.map(({ name }) => name)
  const next = row(document, y, names, 'Helvetica-Bold')
  rule(document, next - 4, left, document.page.width - left)
  return next + 2
}

/** Draws a row; a long reference takes a second line. Returns where the next one begins. */
function row(document: Pdf, y: number, cells: readonly string[], font: string): number {
  let x = left
  let lines = 1
  document.font(font).fontSize(text_size).fillColor(ink)
  for (const [index, { width, align }] of pdfColumns.entries()) {
    const text = cells[index] ?? ''
    document.font(fontOf(text, font))
    if (align === 'right') amountCell(document, text, { x, y, width })
    else {
      const wrapped = wrap(document, text, width - 6)
      for (const [line, part] of wrapped.entries()) {
        document.text(part, x, on_line(y + line * line_height, text_size), { lineBreak: false, baseline: 'alphabetic' })
      }
      lines = Math.max(lines, wrapped.length)
    }
    x += width
  }
  return y + row_height + (lines - 1) * line_height
}

/** An amount is never cut: a long one is written smaller. */
function amountCell(document: Pdf, text: string, { x, y, width }: { x: number; y: number; width: number }): void {
  if (text === '') return
  const size = Math.min(text_size, (text_size * (width - 4)) / document.widthOfString(text))
  document.fontSize(size)
  document.text(text, x + width - document.widthOfString(text), y + (text_size - size) * 0.75, { lineBreak: false })
  document.fontSize(text_size)
}

/** The text on at most two lines, broken anywhere, since references have no words. */
function wrap(document: Pdf, text: string, width: number): string[] {
  if (document.widthOfString(text) <= width) return [text]
  const first = fitting(document, text, width, '')
  return [first, fitting(document, text.slice(first.length), width, '…')]
}

/** As much of the text as there is room for, and then `mark`. */
function fitting(document: Pdf, text: string, width: number, mark: string): string {
  if (document.widthOfString(text) <= width) return text
  let [kept, most] = [0, Math.min(text.length, 200)]
  while (kept < most) {
    const half = Math.ceil((kept + most) / 2)
    if (document.widthOfString(text.slice(0, half) + mark) <= width) kept = half
    else most = half - 1
  }
  return text.slice(0, kept) + mark
}

function foot(document: Pdf, { provider_reference }: SettlementRow, page: number): void {
  const y = document.page.height - 40
  const room = document.page.width - 2 * left - 60
  const reference = printable(provider_reference)
  document.font(fontOf(reference, 'Helvetica')).fontSize(7.5).fillColor(grey)
  document.text(fitting(document, reference, room, '…'), left, on_line(y, 7.5), { lineBreak: false, baseline: 'alphabetic' })
  const text = `Page ${page}`
  document.font('Helvetica').text(text, document.page.width - left - document.widthOfString(text), y, { lineBreak: false })
}

function rule(document: Pdf, y: number, from: number, to: number): void {
  document.lineWidth(0.5).strokeColor('#cbd2dc').moveTo(from, y).lineTo(to, y).stroke()
}
