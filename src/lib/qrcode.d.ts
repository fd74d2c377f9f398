/** The part of `qrcode` that is used here; the package has no types of its own. */
declare module 'qrcode' {
  const QRCode: {
    toBuffer(text: string, options: { type: 'png'; width: number; margin: number }): Promise<Buffer>
    toDataURL(text: string): Promise<string>
  }
  export default QRCode
}
