import { connect, type NetConnectOpts } from 'node:net'
import { type CancelKeys, gatewayOf } from './cancel-keys.ts'
import { type CancelPacket, cancelPacket } from './startup.ts'

const ANSWER_MS_MAX = 5000

export interface CancellationOptions {
  readonly keys: CancelKeys
  readonly gatewayNumber: number
  readonly peers: ReadonlyMap<number, { readonly host: string; readonly port: number }>
}

/**
 * Passes a cancel on to the server that it concerns, or to the gateway that gave the key. Resolves when that has hung up,
 * which tells the client that it was seen to. A key that is not known is passed over in silence, as servers do.
 */
export async function cancel(packet: CancelPacket, options: CancellationOptions): Promise<void> {
  const number = gatewayOf(packet.pid)
  if (number === options.gatewayNumber) {
    const target = options.keys.find(packet)
    if (target) await deliver({ path: target.socketPath }, cancelPacket(target.key))
    return
  }
  const peer = options.peers.get(number)
  // One that was passed on already and is not for here would go round for ever.
  if (peer && !packet.forwarded) await deliver(peer, cancelPacket(packet, true))
}

function deliver(address: NetConnectOpts, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(address)
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('close', () => resolve())
    // Half-closing at once could have the server miss it: it hangs up by itself.
    socket.write(bytes)
    socket.resume()
  })
}
