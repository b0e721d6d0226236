/**
 * The widget client: one websocket to one kernel, anywidget-like models, a link that survives cuts and knows when the kernel is gone.
 * No framework in here: it runs before Vue is loaded.
 */
import { decode, encode, type Message, PROTOCOL } from './wire'

export type LinkState = 'opening' | 'online' | 'reconnecting' | 'dead'
type Listener = (...values: never[]) => void
type State = Record<string, unknown>

export interface WidgetModel {
  readonly id: string
  get<T = unknown>(key: string): T
  /** Changes a trait here; `save_changes` sends it. While the link is down the last value waits and is sent after the resync. */
  set(key: string, value: unknown): void
  save_changes(): void
  /** `change:<trait>` (value), `change`, `msg:custom` (content, buffers). */
  on(event: string, listener: (...values: any[]) => void): void // eslint-disable-line @typescript-eslint/no-explicit-any
  off(event?: string | null, listener?: ((...values: any[]) => void) | null): void // eslint-disable-line @typescript-eslint/no-explicit-any
  /**
   * A message to the desk object. Rejected with `Disconnected` while the link is down, so that clicks made blindly do not all arrive
   * later; with `hold` it waits for the link instead.
   */
  send(content: unknown, callbacks?: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[], options?: { hold?: boolean }): Promise<void>
}

export class Disconnected extends Error {
  override name = 'Disconnected'
}

export interface KernelLink {
  readonly model: Promise<WidgetModel>
  readonly state: LinkState
  /** Called at once with the present state and at each change. */
  onState(listener: (state: LinkState, reason: string) => void): void
  /** How to get a new ticket when the service says 401; false means: not now. */
  renew: () => Promise<boolean>
}

const FIRST_MS = 300
const LAST_MS = 5000
/** Without a byte for this long the control channel is asked; without an answer for `ANSWER_MS` more the link counts as cut. */
const QUIET_MS = 10_000
const ANSWER_MS = 6000

function identifier(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Puts binary values back where the kernel took them out of the JSON. */
function restore(state: State, paths: (string | number)[][], buffers: DataView[]): State {
  paths.forEach((path, index) => {
    let at: Record<string | number, unknown> = state
    for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>
    const last = path[path.length - 1]
    if (last !== undefined) at[last] = buffers[index]
  })
  return state
}

class Model implements WidgetModel {
  private readonly listeners = new Map<string, Set<Listener>>()
  private readonly changed = new Set<string>()

  constructor(
    readonly id: string,
    private readonly link: Kernel,
    private readonly values: State,
  ) {}

  get<T>(key: string): T {
    return this.values[key] as T
  }

  set(key: string, value: unknown): void {
    if (Object.is(this.values[key], value)) return
    this.values[key] = value
    this.changed.add(key)
    this.emit(`change:${key}`, value)
    this.emit('change')
  }

  save_changes(): void {
    if (this.changed.size === 0 || this.link.state !== 'online') return
    const state: State = {}
    for (const key of this.changed) state[key] = this.values[key]
    this.changed.clear()
    this.link.comm(this.id, { method: 'update', state, buffer_paths: [] })
  }

  on(event: string, listener: Listener): void {
    for (const each of event.split(' ')) {
      const known = this.listeners.get(each) ?? new Set()
      known.add(listener)
      this.listeners.set(each, known)
    }
  }

  off(event?: string | null, listener?: Listener | null): void {
    for (const [name, known] of this.listeners) {
      if (event && !event.split(' ').includes(name)) continue
      if (listener) known.delete(listener)
      else known.clear()
    }
  }

  send(content: unknown, _callbacks?: unknown, buffers?: readonly (ArrayBuffer | ArrayBufferView)[], options?: { hold?: boolean }): Promise<void> {
    return this.link.deliver(this.id, { method: 'custom', content }, buffers, options?.hold === true)
  }

  /** Takes what the kernel says; a trait with an unsent edit of ours keeps the edit. */
  take(state: State): void {
    let any = false
    for (const [key, value] of Object.entries(state)) {
      if (this.changed.has(key)) continue
      const same = Object.is(this.values[key], value) || (typeof value === 'object' && JSON.stringify(this.values[key]) === JSON.stringify(value))
      this.values[key] = value
      if (same) continue
      any = true
      this.emit(`change:${key}`, value)
    }
    if (any) this.emit('change')
  }

  emit(event: string, ...values: unknown[]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        listener(...(values as never[]))
      } catch (error) {
        console.error(`desk: a listener of ${event} failed`, error)
      }
    }
  }
}

export class Kernel implements KernelLink {
  readonly model: Promise<WidgetModel>
  state: LinkState = 'opening'
  renew: () => Promise<boolean> = () => Promise.resolve(false)

  private reason = ''
  private id = ''
  private view = ''
  private socket: WebSocket | null = null
  private control = ''
  private asked = ''
  private failures = 0
  private readonly session = identifier()
  private readonly models = new Map<string, Model>()
  private readonly watchers = new Set<(state: LinkState, reason: string) => void>()
  private held: (() => void)[] = []
  private quiet: ReturnType<typeof setTimeout> | undefined
  private retry: ReturnType<typeof setTimeout> | undefined
  private ready!: (model: WidgetModel) => void
  private failed!: (error: Error) => void

  /** `base`: prefix of the pages service, ending in a slash. */
  constructor(private readonly base: string) {
    this.model = new Promise((resolve, reject) => {
      this.ready = resolve
      this.failed = reject
    })
    this.model.catch(() => undefined)
    window.addEventListener('online', () => this.hurry())
  }

  onState(listener: (state: LinkState, reason: string) => void): void {
    this.watchers.add(listener)
    listener(this.state, this.reason)
  }

  /** The kernel exists (its cells may still run): open the websocket. */
  open(id: string): void {
    if (this.id || this.state === 'dead') return
    this.id = id
    this.connect()
  }

  /** The cells ran and this is the desk object's model: ask for the state. */
  show(view: string): void {
    this.view = view
    if (this.socket?.readyState === WebSocket.OPEN) this.askStates()
  }

  /** Gives up: the desk cannot go on with this kernel. */
  end(reason: string): void {
    if (this.state === 'dead') return
    clearTimeout(this.quiet)
    clearTimeout(this.retry)
    const socket = this.socket
    this.socket = null
    socket?.close()
    this.held = []
    this.failed(new Disconnected(reason))
    this.tell('dead', reason)
  }

  private tell(state: LinkState, reason = ''): void {
    if (state === this.state && reason === this.reason) return
    this.state = state
    this.reason = reason
    for (const watcher of this.watchers) watcher(state, reason)
  }

  private connect(): void {
    const address = new URL(`${this.base}api/kernels/${this.id}/channels?session_id=${this.session}`, location.href)
    address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(address.href, [PROTOCOL])
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onopen = () => {
      if (this.socket !== socket) return
      this.control = ''
      this.listen()
      if (this.view) this.askStates()
    }
    socket.onmessage = (event: MessageEvent<ArrayBuffer>) => {
      if (this.socket !== socket) return
      this.listen()
      try {
        this.receive(decode(event.data))
      } catch (error) {
        console.error('desk: an unreadable kernel message', error)
      }
    }
    socket.onclose = () => {
      if (this.socket === socket) this.lost()
    }
    // A connect that hangs (half-open network) is a cut too.
    clearTimeout(this.quiet)
    this.quiet = setTimeout(() => this.cut(socket), QUIET_MS)
  }

  /** Something arrived: the link lives. Ask for a sign of life when it goes quiet. */
  private listen(): void {
    clearTimeout(this.quiet)
    const socket = this.socket
    this.quiet = setTimeout(() => {
      // The control channel answers even while the kernel computes.
      this.post('control', 'kernel_info_request', {})
      this.quiet = setTimeout(() => socket && this.cut(socket), ANSWER_MS)
    }, QUIET_MS)
  }

  private cut(socket: WebSocket): void {
    if (this.socket !== socket) return
    socket.onclose = null
    socket.close()
    this.lost()
  }

  private lost(): void {
    this.socket = null
    clearTimeout(this.quiet)
    if (this.state === 'dead') return
    this.tell('reconnecting')
    const wait = Math.min(LAST_MS, FIRST_MS * 2 ** this.failures) * (0.75 + Math.random() / 2)
    this.failures += 1
    clearTimeout(this.retry)
    this.retry = setTimeout(() => void this.again(), wait)
  }

  private hurry(): void {
    if (this.state !== 'reconnecting' || this.socket) return
    clearTimeout(this.retry)
    void this.again()
  }

  /** Is the kernel still ours? Only then is a new websocket worth opening. */
  private async again(): Promise<void> {
    let status: number
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), LAST_MS)
    try {
      status = (await fetch(`${this.base}api/kernels/${this.id}`, { cache: 'no-store', signal: limit.signal })).status
    } catch {
      status = 0
    } finally {
      clearTimeout(timer)
    }
    if (this.state === 'dead' || this.socket) return
    if (status === 404) return this.end('kernel.gone')
    if (status === 403) return this.end('desk.refused')
    if (status === 401) {
      if (await this.renew()) this.failures = 0
      return this.lost()
    }
    if (status !== 200) return this.lost()
    this.connect()
  }

  private post(channel: string, type: string, content: Record<string, unknown>, metadata: Record<string, unknown> = {}, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]): string {
    const msg_id = identifier()
    const header = { msg_id, msg_type: type, session: this.session, username: '', date: new Date().toISOString(), version: '5.3' }
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(encode({ channel, header, parent_header: {}, metadata, content, ...(buffers ? { buffers } : {}) }))
    }
    return msg_id
  }

  comm(id: string, data: Record<string, unknown>, buffers?: readonly (ArrayBuffer | ArrayBufferView)[]): void {
    this.post('shell', 'comm_msg', { comm_id: id, data }, {}, buffers)
  }

  deliver(id: string, data: Record<string, unknown>, buffers: readonly (ArrayBuffer | ArrayBufferView)[] | undefined, hold: boolean): Promise<void> {
    if (this.state === 'online') {
      this.comm(id, data, buffers)
      return Promise.resolve()
    }
    const sent = new Promise<void>((resolve, reject) => {
      if (!hold || this.state === 'dead') reject(new Disconnected('the desk is not connected'))
      else
        this.held.push(() => {
          this.comm(id, data, buffers)
          resolve()
        })
    })
    // Whoever does not look must not get an "unhandled rejection"; whoever awaits still sees it.
    sent.catch(() => undefined)
    return sent
  }

  /** The control comm gives the whole state in one answer; the version belongs into the message's metadata. */
  private askStates(): void {
    this.control = identifier()
    this.post('shell', 'comm_open', { comm_id: this.control, target_name: 'jupyter.widget.control', data: {} }, { version: '1.0.0' })
    this.asked = this.post('shell', 'comm_msg', { comm_id: this.control, data: { method: 'request_states' } })
  }

  private receive(message: Message): void {
    const type = message.header.msg_type
    const content = message.content
    if (type === 'status') {
      const state = content['execution_state']
      if (state === 'restarting' || state === 'dead') this.end('kernel.gone')
      // No answer about our states by the time the kernel is idle again: it is not the kernel we knew.
      else if (state === 'idle' && this.asked && message.parent_header.msg_id === this.asked) this.end('kernel.gone')
      return
    }
    if (type === 'comm_close' && content['comm_id'] === this.view) return this.end('kernel.gone')
    if (type !== 'comm_msg') return
    const id = content['comm_id'] as string
    const data = content['data'] as { method?: string; state?: State; states?: Record<string, { state: State }>; buffer_paths?: (string | number)[][]; content?: unknown }
    if (id === this.control && data.method === 'update_states') return this.takeStates(data.states ?? {}, data.buffer_paths ?? [], message.buffers)
    const model = this.models.get(id)
    if (!model) return
    if (data.method === 'update') model.take(restore(data.state ?? {}, data.buffer_paths ?? [], message.buffers))
    else if (data.method === 'custom') model.emit('msg:custom', data.content, message.buffers)
  }

  private takeStates(states: Record<string, { state: State }>, paths: (string | number)[][], buffers: DataView[]): void {
    this.asked = ''
    restore(states as State, paths, buffers)
    const own = states[this.view]
    if (!own) return this.end('kernel.gone')
    const first = !this.models.has(this.view)
    for (const [id, entry] of Object.entries(states)) {
      const known = this.models.get(id)
      if (known) known.take(entry.state)
      else this.models.set(id, new Model(id, this, entry.state))
    }
    this.failures = 0
    this.tell('online')
    for (const model of this.models.values()) model.save_changes()
    const held = this.held
    this.held = []
    for (const send of held) send()
    if (first) this.ready(this.models.get(this.view) as Model)
  }
}
