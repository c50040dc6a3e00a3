/** What the port writes of PostgreSQL's protocol 3. */

/** Types of a server's messages. */
export const Message = {
  authentication: 0x52,
  backendKey: 0x4b,
  error: 0x45,
  notice: 0x4e,
  notification: 0x41,
  parameterStatus: 0x53,
  ready: 0x5a,
} as const

/** What an authentication message asks for or says. */
export const Authentication = { ok: 0, sasl: 10, saslContinue: 11, saslFinal: 12 } as const

/** Ends the session that it is sent to. */
export function fatal(sqlState: string, message: string): Buffer {
  const fields = ['SFATAL', 'VFATAL', `C${sqlState}`, `M${message.replaceAll('\0', '')}`]
  return framed(Message.error, Buffer.from(`${fields.join('\0')}\0\0`))
}

export function backendKey(pid: number, secret: Uint8Array): Buffer {
  const body = Buffer.alloc(4 + secret.length)
  body.writeUInt32BE(pid, 0)
  body.set(secret, 4)
  return framed(Message.backendKey, body)
}

function framed(type: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(5 + body.length)
  bytes.writeUInt8(type, 0)
  bytes.writeInt32BE(4 + body.length, 1)
  body.copy(bytes, 5)
  return bytes
}

/** The code of an error's fields; what is not one reads as an internal error. */
export function sqlStateOf(error: Buffer): string {
  for (let at = 0; at < error.length && error[at] !== 0; ) {
    const end = error.indexOf(0, at + 1)
    if (end < 0) break
    const value = error.toString('latin1', at + 1, end)
    if (error[at] === 0x43 && /^[0-9A-Z]{5}$/.test(value)) return value
    at = end + 1
  }
  return 'XX000'
}
