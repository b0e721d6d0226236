/**
 * What was made here and ris does not have yet: one queue beneath markings and key images, without a framework, one for the whole desk
 * each (a case may be left while its last change is on its way).
 *
 * Rules: a change is kept on this machine at once, before anything else; one request at a time, in the order in which things were
 * touched; an unreachable server is tried again. What a refusal or somebody else's change means is the owner's (`OutboxRules`).
 */
import { asProblem, type Problem } from '../../desk/shell'
import { unreachable } from '../records'
import type { SaveState } from '../report/autosave'

export type OutboxState = Extract<SaveState, { kind: 'clean' | 'dirty' | 'saving' | 'saved' | 'kept' | 'refused' }>

/** A change of one thing; a newer one of the same thing takes its place. */
export interface Waiting {
  exam: number
  id: string
  /** Of the record it changes; null when ris does not know it, as far as we know. */
  version: number | null
  /** Why ris does not take it: it stays, and is sent no more until told to. */
  problem: Problem | null
  /** ms since 1970 from which it may be sent. */
  due: number
}

/** What ris answers, at the least. */
export interface Answered { id: string; version: number; updated_at: string }

export interface OutboxRules<W extends Waiting, R extends Answered> {
  /** Gives a change to ris; answers the record. Throws a Problem. */
  write(change: W): Promise<R>
  /** Keeps the unsaved changes of an exam on this machine; none of them: forgets it. */
  keep(exam: number, changes: W[]): Promise<void>
  /** It is about to be sent. */
  sending?(change: W): void
  /** No answer came: ris may have it or not. */
  unanswered?(change: W, problem: Problem): void
  /** ris has it. */
  taken(change: W, record: R): void
  /** Somebody else was faster; `current` is what ris has. */
  overtaken(change: W, current: R): void
  /** ris answers that it does not take it. */
  refused(change: W, problem: Problem): void
  changed(state: OutboxState): void
  /** ms before the next try, the last one for all that follow. */
  retries?: readonly number[]
}

const RETRIES = [1000, 2000, 4000, 8000]

const keyOf = ({ exam, id }: { exam: number; id: string }): string => `${exam} ${id}`

export class Outbox<W extends Waiting, R extends Answered> {
  state: OutboxState = { kind: 'clean' }
  private readonly queue = new Map<string, W>()
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private running: Promise<void> | null = null
  private local: Promise<void> = Promise.resolve()
  private savedAt: string | null = null
  private ended = false

  constructor(private readonly rules: OutboxRules<W, R>) {}

  put(change: W): void {
    this.queue.set(keyOf(change), change)
    this.failures = 0
    this.keepLocally(change.exam)
    this.tell()
    this.next()
  }

  /** It is no longer to be sent. */
  drop(change: { exam: number; id: string }): void {
    this.queue.delete(keyOf(change))
    this.keepLocally(change.exam)
    this.tell()
  }

  /** What an earlier page could not send; what is newer here stands. */
  adopt(changes: readonly W[]): void {
    for (const change of changes) if (!this.queue.has(keyOf(change))) this.queue.set(keyOf(change), change)
    this.tell()
    if (changes.length) this.next()
  }

  get(exam: number, id: string): W | undefined {
    return this.queue.get(keyOf({ exam, id }))
  }

  /** Changes of an exam that ris does not have yet, in the order in which its things were first touched. */
  of(exam: number): W[] {
    return [...this.queue.values()].filter((change) => change.exam === exam)
  }

  /** Sends everything now; true when ris has all. */
  async flush(): Promise<boolean> {
    if (this.running) await this.running
    for (const change of this.queue.values()) change.due = 0
    await this.send()
    return this.queue.size === 0
  }

  /** Tries again what was refused, too. */
  again(): void {
    for (const change of this.queue.values()) change.problem = null
    void this.send()
  }

  /** The link is back: what could not be sent is sent at once. */
  reconnected(): void {
    if (this.state.kind === 'kept') void this.send()
  }

  /** Ends the timers; what is unsaved stays on this machine. */
  dispose(): void {
    this.ended = true
    this.wait(null)
  }

  /** ris has what `change` says (written at `at`, when by this desk); what was changed meanwhile goes on from there with `onward`. */
  settle(change: W, onward: Partial<W>, at?: string): void {
    if (at) this.savedAt = at
    const latest = this.queue.get(keyOf(change))
    if (latest === change) this.queue.delete(keyOf(change))
    else if (latest) Object.assign(latest, onward)
    this.keepLocally(change.exam)
  }

  /** The newest change of the same thing: while one was sent, another may have taken its place. */
  latest(change: W): W {
    return this.queue.get(keyOf(change)) ?? change
  }

  /** ris refuses it for good: it stays here with the reason, or goes. A newer change of the same thing is asked for itself. */
  refuse(change: W, problem: Problem, stays: boolean): void {
    if (this.latest(change) !== change) return
    if (stays) change.problem = problem
    else this.queue.delete(keyOf(change))
    this.keepLocally(change.exam)
  }

  private wait(after: number | null): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = after === null || this.ended ? null : setTimeout(() => void this.send(), after)
  }

  /** By the first one that is due, not the last one touched: a long drag of one thing holds back no other. */
  private next(): void {
    const due = Math.min(...[...this.queue.values()].filter((change) => !change.problem).map((change) => change.due))
    if (this.running || !Number.isFinite(due)) return
    if (due <= Date.now()) void this.send()
    else this.wait(due - Date.now())
  }

  private send(): Promise<void> {
    if (this.running) return this.running
    this.wait(null)
    this.running = this.sendDue().finally(() => {
      this.running = null
      if (this.state.kind === 'kept' || this.ended) return
      this.tell()
      this.next()
    })
    return this.running
  }

  private async sendDue(): Promise<void> {
    for (;;) {
      const change = [...this.queue.values()].find((one) => !one.problem && one.due <= Date.now())
      if (!change || this.ended) return
      this.set({ kind: 'saving' })
      if (!(await this.sendOne(change))) return
    }
  }

  /** False: the server is away. */
  private async sendOne(change: W): Promise<boolean> {
    this.rules.sending?.(change)
    try {
      const record = await this.rules.write(change)
      this.savedAt = record.updated_at
      this.rules.taken(change, record)
    } catch (error) {
      const problem = asProblem(error)
      if (unreachable(problem)) {
        this.away(change, problem)
        return false
      }
      const current = problem.code === 'row.version' ? (problem.extra['current'] as R | undefined) : undefined
      if (current?.id) this.rules.overtaken(change, current)
      else this.rules.refused(change, problem)
    }
    this.failures = 0
    return true
  }

  private away(change: W, problem: Problem): void {
    const pauses = this.rules.retries ?? RETRIES
    this.set({ kind: 'kept', problem: problem.status ? problem : null })
    this.rules.unanswered?.(change, problem)
    this.wait(pauses[Math.min(this.failures, pauses.length - 1)] ?? 8000)
    this.failures += 1
  }

  /** Local writes run one after another, so that a late one can never bring back what was sent. */
  private keepLocally(exam: number): void {
    this.local = this.local.then(() => this.rules.keep(exam, this.of(exam))).catch(() => undefined)
  }

  private tell(): void {
    const changes = [...this.queue.values()]
    const refused = changes.find((change) => change.problem)
    if (changes.some((change) => !change.problem)) this.set({ kind: this.running ? 'saving' : 'dirty' })
    else if (refused?.problem) this.set({ kind: 'refused', problem: refused.problem })
    else this.set(this.savedAt ? { kind: 'saved', at: this.savedAt } : { kind: 'clean' })
  }

  private set(state: OutboxState): void {
    this.state = state
    if (!this.ended) this.rules.changed(state)
  }
}
