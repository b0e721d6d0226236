/** Server-sent events that resume: rows arrive batched per animation frame, a silent link is noticed and reopened. */
import { renewSession } from './session'

export type LiveState = 'connecting' | 'live' | 'reconnecting' | 'ended'

export interface LiveOptions<Row> {
  /** Name(s) of the events wanted, for example `exam`. */
  event: string | readonly string[]
  onRow?: (row: Row, id: string, event: string) => void
  /** All rows of one animation frame together; called after `onRow` of each. */
  onRows?: (rows: Row[], lastId: string) => void
  /** `ended` means: refused for good (no right, or signed out), not merely disconnected. */
  onState?: (state: LiveState) => void
  /** Resume after this sequence number, for example `seq` of the list the page already shows. */
  since?: string | number
}

export interface Live {
  close(): void
  readonly state: LiveState
}

/** The services write a comment every 15 s; after this long without a byte the link is dead although nobody said so. */
const SILENCE_MS = 40_000

export interface ServerEvent {
  id: string
  event: string
  data: string
}

/** Reads the text/event-stream format (WHATWG HTML 9.2.6), any chunking. */
export class EventReader {
  private rest = ''
  private id = ''
  private event = ''
  private data: string[] = []

  feed(text: string): ServerEvent[] {
    const done: ServerEvent[] = []
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (this.data.length > 0) done.push({ id: this.id, event: this.event || 'message', data: this.data.join('\n') })
        this.data = []
        this.event = ''
        continue
      }
      if (line.startsWith(':')) continue
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (field === 'data') this.data.push(value)
      else if (field === 'event') this.event = value
      else if (field === 'id' && !value.includes('\0')) this.id = value
    }
    return done
  }
}

function nextFrame(run: () => void): void {
  // A hidden page gets no animation frames; its list must still be right when the person comes back.
  if (document.hidden) setTimeout(run, 250)
  else requestAnimationFrame(run)
}

export function live<Row>(url: string, options: LiveOptions<Row>): Live {
  const wanted = new Set(typeof options.event === 'string' ? [options.event] : options.event)
  let lastId = options.since === undefined ? '' : String(options.since)
  let state: LiveState = 'connecting'
  let closed = false
  let failures = 0
  let renewals = 0
  let wake: (() => void) | null = null
  let control = new AbortController()
  let waiting: { row: Row; id: string; event: string }[] = []

  const say = (next: LiveState): void => {
    if (state === next && next !== 'connecting') return
    state = next
    options.onState?.(next)
  }
  const flush = (): void => {
    const batch = waiting
    waiting = []
    if (closed || batch.length === 0) return
    for (const each of batch) options.onRow?.(each.row, each.id, each.event)
    options.onRows?.(batch.map((each) => each.row), batch[batch.length - 1]?.id ?? '')
  }
  const take = (event: ServerEvent): void => {
    if (event.id) lastId = event.id
    if (!wanted.has(event.event)) return
    let row: Row
    try {
      row = JSON.parse(event.data) as Row
    } catch {
      console.error('live: an event is not JSON', event.event, event.id)
      return
    }
    if (waiting.length === 0) nextFrame(flush)
    waiting.push({ row, id: event.id, event: event.event })
  }

  async function follow(): Promise<'again' | 'stop'> {
    control = new AbortController()
    let watch = setTimeout(() => control.abort(), SILENCE_MS)
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (lastId) headers['Last-Event-ID'] = lastId
      const response = await fetch(url, { headers, signal: control.signal, cache: 'no-store' })
      if (response.status === 401) {
        renewals += 1
        return renewals < 3 && (await renewSession()) ? 'again' : renewals < 3 ? 'again' : 'stop'
      }
      if (response.status === 403 || response.status === 404) return 'stop'
      if (!response.ok || !response.body) return 'again'
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      const parser = new EventReader()
      failures = 0
      renewals = 0
      say('live')
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return 'again'
        clearTimeout(watch)
        watch = setTimeout(() => control.abort(), SILENCE_MS)
        for (const event of parser.feed(value)) take(event)
      }
    } catch {
      return 'again'
    } finally {
      clearTimeout(watch)
    }
  }

  void (async () => {
    say('connecting')
    while (!closed) {
      if ((await follow()) === 'stop') {
        say('ended')
        return
      }
      if (closed) return
      say('reconnecting')
      failures += 1
      const wait = Math.min(5000, 300 * 2 ** (failures - 1)) * (0.75 + Math.random() / 2)
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, wait)
      })
    }
  })()
  const online = (): void => wake?.()
  window.addEventListener('online', online)

  return {
    close() {
      closed = true
      window.removeEventListener('online', online)
      control.abort()
      wake?.()
    },
    get state() {
      return state
    },
  }
}
