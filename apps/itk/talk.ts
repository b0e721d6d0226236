/** The talk between the kernel (`apps/itk/bridge/calls.py`) and the viewer page in a frame: what either says is handed to the other. */
import type { WidgetModel } from '../desk/shell'
import { freshId } from '../desk/shell/freshId'

export const VIEWER_PAGE = '/services/pages/itk/viewer.html'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json | ArrayBuffer }
type Message = Record<string, unknown>

/** Puts the binary parts (`{_buf: n}`) of a message back, each as a buffer of its own, which can be handed on. */
export function fill(value: unknown, buffers: readonly ArrayBufferView[]): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map((each) => fill(each, buffers))
  const number = (value as { _buf?: number })._buf
  if (number !== undefined) {
    const part = buffers[number]
    return part ? part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength) : new ArrayBuffer(0)
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each, buffers)]))
}

/** Joins them when the frame has loaded; gives how to part them. `onPage` hears what the page says. */
export function join(model: WidgetModel, frame: HTMLIFrameElement, onPage: (message: Message) => void): () => void {
  const view = freshId()
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = ({ data }: MessageEvent<Message>) => {
    onPage(data)
    void model.send({ type: 'page', message: { ...data, view } as Json })
  }
  const receive = (content: { type?: string; message?: Message }, buffers: DataView[]): void => {
    if (content.type !== 'page' || !content.message || (content.message['view'] && content.message['view'] !== view)) return
    const filled = fill(content.message, buffers) as Message
    port1.postMessage(filled, filled['buf'] instanceof ArrayBuffer ? [filled['buf']] : [])
  }
  model.on('msg:custom', receive)
  frame.addEventListener('load', () => frame.contentWindow?.postMessage('hub-itk', location.origin, [port2]), { once: true })
  frame.src = VIEWER_PAGE
  return () => {
    model.off('msg:custom', receive)
    port1.close()
  }
}

/** Whether this browser draws without a graphics device. */
export function drawsInSoftware(): boolean {
  const context = document.createElement('canvas').getContext('webgl2')
  if (!context) return true
  const named = context.getExtension('WEBGL_debug_renderer_info')
  const renderer = String(context.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : context.RENDERER))
  context.getExtension('WEBGL_lose_context')?.loseContext()
  return /swiftshader|llvmpipe|software|basic render/i.test(renderer)
}
