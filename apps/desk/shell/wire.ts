/** The binary form of kernel messages, subprotocol `v1.kernel.websocket.jupyter.org`. */

export const PROTOCOL = 'v1.kernel.websocket.jupyter.org'

export interface Header {
  msg_id: string
  msg_type: string
  session: string
  username: string
  date: string
  version: string
}

export interface Message {
  channel: string
  header: Header
  parent_header: Partial<Header>
  metadata: Record<string, unknown>
  content: Record<string, unknown>
  buffers: DataView[]
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Offset table (count, then begin of each part and the end; u64 little endian), channel, header, parent, metadata, content, buffers. */
export function encode(message: Omit<Message, 'buffers'> & { buffers?: readonly (ArrayBuffer | ArrayBufferView)[] }): ArrayBuffer {
  const bytes = (part: ArrayBuffer | ArrayBufferView): Uint8Array =>
    part instanceof ArrayBuffer ? new Uint8Array(part) : new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  const parts = [
    encoder.encode(message.channel),
    ...[message.header, message.parent_header, message.metadata, message.content].map((part) => encoder.encode(JSON.stringify(part))),
    ...(message.buffers ?? []).map(bytes),
  ]
  const count = parts.length + 1
  const start = 8 * (count + 1)
  const out = new Uint8Array(start + parts.reduce((sum, part) => sum + part.length, 0))
  const view = new DataView(out.buffer)
  view.setBigUint64(0, BigInt(count), true)
  let at = start
  parts.forEach((part, index) => {
    view.setBigUint64(8 * (index + 1), BigInt(at), true)
    out.set(part, at)
    at += part.length
  })
  view.setBigUint64(8 * count, BigInt(at), true)
  return out.buffer
}

export function decode(data: ArrayBuffer): Message {
  const view = new DataView(data)
  const count = Number(view.getBigUint64(0, true))
  if (count < 6 || 8 * (count + 1) > data.byteLength) throw new Error('kernel message: bad offset table')
  const offsets = Array.from({ length: count }, (_, index) => Number(view.getBigUint64(8 * (index + 1), true)))
  const part = (index: number): Uint8Array => new Uint8Array(data, offsets[index], (offsets[index + 1] ?? 0) - (offsets[index] ?? 0))
  const json = <T>(index: number): T => JSON.parse(decoder.decode(part(index))) as T
  return {
    channel: decoder.decode(part(0)),
    header: json<Header>(1),
    parent_header: json<Partial<Header>>(2),
    metadata: json<Record<string, unknown>>(3),
    content: json<Record<string, unknown>>(4),
    buffers: Array.from({ length: count - 6 }, (_, index) => new DataView(data, offsets[5 + index], (offsets[6 + index] ?? 0) - (offsets[5 + index] ?? 0))),
  }
}
