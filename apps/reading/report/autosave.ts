/**
 * Saving of typed text, as one small machine without a framework.
 *
 * Rules: the text is kept on this machine at every change, before anything else; ris gets it `wait` ms after the last change;
 * nothing is sent between compositionstart and compositionend (a half-typed pinyin is not text); one request at a time; an
 * unreachable server is tried again; a conflict stops saving and holds both texts until the writer has chosen.
 */
import { asProblem, type Problem } from '../../desk/shell'
import { unreachable, type Report, type Text } from '../records'

export type SaveState =
  | { kind: 'clean' }
  | { kind: 'dirty' }
  | { kind: 'saving' }
  | { kind: 'saved'; at: string }
  | { kind: 'held' }
  | { kind: 'kept'; problem: Problem | null }
  | { kind: 'refused'; problem: Problem }
  | { kind: 'conflict'; mine: Text; theirs: Report }

export interface AutosaveParts {
  /** Gives the text to ris; answers the server's time. Throws a Problem. */
  write(text: Text): Promise<{ saved_at: string }>
  /** Keeps the text on this machine. */
  keep(text: Text): Promise<void>
  /** Removes what was kept: ris has it. */
  forget(): Promise<void>
  changed(state: SaveState): void
  wait?: number
  retries?: readonly number[]
}

export class Autosave {
  state: SaveState = { kind: 'clean' }
  private latest: Text | null = null
  private unsaved = false
  private composing = false
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private running: Promise<void> | null = null
  private local: Promise<void> = Promise.resolve()
  private ended = false

  constructor(private readonly parts: AutosaveParts) {}

  /** The writer's text changed. */
  edit(text: Text): void {
    this.latest = { ...text }
    this.unsaved = true
    this.keepLocally(this.latest)
    if (this.state.kind === 'conflict') {
      this.set({ ...this.state, mine: this.latest })
      return
    }
    if (this.state.kind !== 'saving') this.set({ kind: 'dirty' })
    this.failures = 0
    this.schedule(this.parts.wait ?? 400)
  }

  compositionStart(): void {
    this.composing = true
    this.stopTimer()
  }

  compositionEnd(): void {
    this.composing = false
    if (this.unsaved) this.schedule(this.parts.wait ?? 400)
  }

  /** Sends what is unsaved now; true when ris has everything. While an input method composes, nothing is sent. */
  async flush(): Promise<boolean> {
    this.stopTimer()
    if (this.running) await this.running
    if (this.unsaved && !this.composing && this.state.kind !== 'conflict' && this.state.kind !== 'held') await this.send()
    if (this.unsaved && this.running) await this.running
    return !this.unsaved
  }

  /** The link is back: what could not be sent is sent at once. */
  reconnected(): void {
    if (this.unsaved && this.state.kind === 'kept') this.schedule(0)
  }

  /** Text that travels with a later act (a reviewer's changes go with the signature): only kept on this machine. */
  hold(text: Text): void {
    this.latest = { ...text }
    this.unsaved = true
    this.keepLocally(this.latest)
    if (this.state.kind === 'conflict') this.set({ ...this.state, mine: this.latest })
    else this.set({ kind: 'held' })
  }

  /** Two texts stand against each other for a reason found elsewhere (an act refused, a kept text with an older base). */
  conflict(mine: Text, theirs: Report): void {
    this.stopTimer()
    this.latest = { ...mine }
    this.unsaved = true
    this.keepLocally(this.latest)
    this.set({ kind: 'conflict', mine: this.latest, theirs })
  }

  /** The writer chose between the two texts of a conflict; `text` is what shall stand now. */
  resolve(text: Text): void {
    if (this.state.kind !== 'conflict') return
    this.state = { kind: 'dirty' }
    this.edit(text)
  }

  /** The server's text is the valid one (first load, an act that carried the text with it). */
  accept(): void {
    this.stopTimer()
    this.unsaved = false
    this.failures = 0
    this.set({ kind: 'clean' })
    this.forgetLocally()
  }

  get hasUnsaved(): boolean {
    return this.unsaved
  }

  /** Ends the timers; kept text stays on this machine. */
  dispose(): void {
    this.ended = true
    this.stopTimer()
  }

  private schedule(after: number): void {
    this.stopTimer()
    if (this.composing || this.ended) return
    this.timer = setTimeout(() => {
      this.timer = null
      if (!this.running && !this.composing) void this.send()
    }, after)
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
  }

  private send(): Promise<void> {
    this.running ??= this.sendOnce().finally(() => {
      this.running = null
      if (this.unsaved && this.timer === null && this.state.kind === 'dirty') this.schedule(this.parts.wait ?? 400)
    })
    return this.running
  }

  private async sendOnce(): Promise<void> {
    const text = this.latest
    if (!text) return
    this.set({ kind: 'saving' })
    try {
      const { saved_at } = await this.parts.write(text)
      this.failures = 0
      if (this.latest === text) {
        this.unsaved = false
        this.set({ kind: 'saved', at: saved_at })
        this.forgetLocally()
      } else {
        this.set({ kind: 'dirty' })
      }
    } catch (error) {
      this.failed(error)
    }
  }

  private failed(error: unknown): void {
    const problem = asProblem(error)
    const theirs = problem.extra['current']
    if (problem.status === 409 && theirs && typeof theirs === 'object') {
      this.set({ kind: 'conflict', mine: this.latest ?? { findings: '', impression: '', positive: null }, theirs: theirs as Report })
    } else if (unreachable(problem)) {
      const pauses = this.parts.retries ?? [1000, 2000, 4000, 8000]
      this.set({ kind: 'kept', problem: problem.status ? problem : null })
      this.schedule(pauses[Math.min(this.failures, pauses.length - 1)] ?? 8000)
      this.failures += 1
    } else {
      this.set({ kind: 'refused', problem })
    }
  }

  /** Local writes run one after another, so that a late removal can never delete newer text. */
  private keepLocally(text: Text): void {
    this.local = this.local.then(() => this.parts.keep(text)).catch(() => undefined)
  }

  private forgetLocally(): void {
    this.local = this.local.then(() => (this.unsaved ? undefined : this.parts.forget())).catch(() => undefined)
  }

  /** Resolves when everything typed so far lies in the local store. */
  kept(): Promise<void> {
    return this.local
  }

  private set(state: SaveState): void {
    this.state = state
    if (!this.ended) this.parts.changed(state)
  }
}
