/** The part of `pdfkit` that is used here; the package has no types of its own. */
declare module 'pdfkit' {
  import type { Readable } from 'node:stream'

  type TextOptions = {
    width?: number
    height?: number
    align?: 'left' | 'right'
    lineBreak?: boolean
    ellipsis?: boolean
    baseline?: 'alphabetic'
  }
  interface PDFDocument extends Readable {
    page: { width: number; height: number }
    font(name: string): this
    fontSize(size: number): this
    fillColor(color: string): this
    strokeColor(color: string): this
    lineWidth(width: number): this
    text(text: string, x: number, y: number, options?: TextOptions): this
    widthOfString(text: string): number
    moveTo(x: number, y: number): this
    lineTo(x: number, y: number): this
    rect(x: number, y: number, width: number, height: number): this
    stroke(): this
    fill(color: string): this
    addPage(): this
    end(): void
  }
  const Document: new (options: { size: 'A4'; margin: number; lang?: string; info: Record<string, unknown> }) => PDFDocument
  export default Document
}
