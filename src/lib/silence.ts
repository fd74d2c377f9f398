import type net from 'node:net'

/** Those of PostgreSQL's messages that ask for an answer, that want it now, and that are the end of one. */
const [sync, query, flush, ready] = [...'SQHZ'].map((letter) => letter.charCodeAt(0))
const head_bytes = 5
const looks = 10

/**
 * Closes a socket to PostgreSQL once something was asked and nothing at all has been heard for `silent_ms`: a machine that is frozen, or a
 * firewall that has forgotten the connection, neither refuses nor ends it. To be called as the greeting is sent.
 */
export function closeWhenSilent(socket: net.Socket, silent_ms: number): void {
  let unanswered = 1
  /** Asked what a new statement is like. What is heard once all else is answered tells it. */
  let describing = false
  /** Bytes still to come of a message that has begun, or what has come of its head. */
  let left = 0
  let head: Buffer | undefined
  /** Looks, not time: a process that was frozen itself has heard nothing either. */
  let quiet = 0
  const timer = setInterval(() => {
    quiet = unanswered > 0 || describing || socket.writableEnded ? quiet + 1 : 0
    if (quiet > looks) socket.destroy()
  }, silent_ms / looks).unref()

  const { write } = socket
  // The driver gives whole messages, and waits for no callback.
  socket.write = (messages: Buffer) => {
    for (let at = 0; at < messages.length; at = endOf(messages, at)) {
      if (messages[at] === sync || messages[at] === query) unanswered += 1
      else if (messages[at] === flush) describing = true
    }
    return write.call(socket, messages)
  }
  socket.prependListener('data', (data: Buffer) => {
    quiet = 0
    if (unanswered === 0) describing = false
    const bytes = head ? Buffer.concat([head, data]) : data
    let at = left
    while (at + head_bytes <= bytes.length) {
      if (bytes[at] === ready) unanswered -= 1
      at = endOf(bytes, at)
    }
    head = at < bytes.length ? bytes.subarray(at) : undefined
    left = Math.max(0, at - bytes.length)
  })
  socket.once('close', () => clearInterval(timer))
}

/** Where the message that begins there ends. `readUInt32BE` takes three times as long. */
function endOf(bytes: Buffer, at: number): number {
  return at + 1 + ((bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!)
}
