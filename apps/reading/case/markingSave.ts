/**
 * Saving of markings, as one small machine without a framework, and one for the whole desk: a case may be left while its last
 * marking is still on its way.
 *
 * Rules: a change is kept on this machine at once, before anything else; ris gets it `wait` ms after the last change of that marking;
 * one request at a time, in the order in which markings were touched; an unreachable server is tried again. Where somebody else
 * changed the same marking meanwhile, theirs stands and mine becomes a marking of its own: nothing that was drawn is lost.
 */
import { asProblem, idempotencyKey, type Problem } from '../../desk/shell'
import { alike } from '../../viewer/alike'
import type { Measurement } from '../../viewer/api'
import { unreachable, type Marking } from '../records'
import type { SaveState } from '../report/autosave'

export type MarkingSaveState = Extract<SaveState, { kind: 'clean' | 'dirty' | 'saving' | 'saved' | 'kept' | 'refused' }>

/** `measurement` null: it was removed. `version`: of the record it changes; null when the record does not know it, as far as we know. */
export interface Change {
  exam: number
  id: string
  version: number | null
  measurement: Measurement | null
  /** It was sent at least once; the answer may have been lost. */
  tried: boolean
}

interface Entry extends Change {
  /** What was sent without an answer. */
  sent: Measurement[]
  problem: Problem | null
  due: number
}

export interface MarkingSaveParts {
  /** Gives a change to ris; answers the marking as ris has it. Throws a Problem. */
  write(change: Change): Promise<Marking>
  /** Keeps the unsaved changes of an exam on this machine; none of them: forgets it. */
  keep(exam: number, changes: Change[]): Promise<void>
  settled(exam: number, marking: Marking): void
  /** Somebody else was faster: `current` stands; `copy` is mine under a new id, null when I had removed it. */
  overtaken(change: Change, current: Marking, copy: Measurement | null): void
  /** ris refuses it for good: what it has stands again. */
  refused(change: Change, problem: Problem): void
  changed(state: MarkingSaveState): void
  wait?: number
  retries?: readonly number[]
}

/** ms of rest after which a changed marking is sent. */
const WAIT = 500

const keyOf = ({ exam, id }: { exam: number; id: string }): string => `${exam} ${id}`

export class MarkingSave {
  state: MarkingSaveState = { kind: 'clean' }
  private readonly queue = new Map<string, Entry>()
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null
  private running: Promise<void> | null = null
  private local: Promise<void> = Promise.resolve()
  private savedAt: string | null = null
  private ended = false

  constructor(private readonly parts: MarkingSaveParts) {}

  /** A marking was drawn, moved, or (null) removed. `version`: the record's, null when it has none. */
  change(exam: number, id: string, version: number | null, measurement: Measurement | null): void {
    const key = keyOf({ exam, id })
    const before = this.queue.get(key)
    if (measurement === null && version === null && !before?.tried) {
      // ris never heard of it.
      this.queue.delete(key)
    } else {
      const { wait = WAIT } = this.parts
      this.queue.set(key, { exam, id, version: before ? before.version : version, measurement, tried: before?.tried ?? false, sent: before?.sent ?? [], problem: null, due: Date.now() + wait })
      this.failures = 0
      this.scheduleNext()
    }
    this.keepLocally(exam)
    if (!this.running) this.tell()
  }

  /** What an earlier page could not send. */
  adopt(changes: readonly Change[]): void {
    for (const change of changes) {
      const key = keyOf(change)
      if (!this.queue.has(key)) this.queue.set(key, { ...change, sent: change.measurement ? [change.measurement] : [], problem: null, due: 0 })
    }
    if (changes.length) this.schedule(0)
    this.tell()
  }

  /** Changes of an exam that ris does not have yet. */
  of(exam: number): Change[] {
    return [...this.queue.values()].filter((entry) => entry.exam === exam)
  }

  has(exam: number, id: string): boolean {
    return this.queue.has(keyOf({ exam, id }))
  }

  /** Why ris did not take a marking; null when it did, or was not asked yet. */
  problemOf(exam: number, id: string): Problem | null {
    return this.queue.get(keyOf({ exam, id }))?.problem ?? null
  }

  /** Sends everything now; true when ris has all. */
  async flush(): Promise<boolean> {
    if (this.running) await this.running
    for (const entry of this.queue.values()) entry.due = 0
    await this.send()
    return this.queue.size === 0
  }

  /** The link is back: what could not be sent is sent at once. */
  reconnected(): void {
    if (this.state.kind === 'kept') this.schedule(0)
  }

  /** Ends the timers; what is unsaved stays on this machine. */
  dispose(): void {
    this.ended = true
    if (this.timer !== null) clearTimeout(this.timer)
  }

  /** Resolves when everything changed so far lies in the local store. */
  kept(): Promise<void> {
    return this.local
  }

  private schedule(after: number): void {
    if (this.timer !== null) clearTimeout(this.timer)
    if (this.ended) return
    this.timer = setTimeout(() => {
      this.timer = null
      void this.send()
    }, after)
  }

  /** The first one that is due, not the last one touched: a long drag of one marking holds back no other. */
  private scheduleNext(): void {
    const next = Math.min(...[...this.queue.values()].filter((entry) => !entry.problem).map((entry) => entry.due))
    if (Number.isFinite(next)) this.schedule(Math.max(0, next - Date.now()))
  }

  private send(): Promise<void> {
    this.running ??= this.sendDue().finally(() => {
      this.running = null
      if (this.state.kind === 'kept') return
      this.tell()
      this.scheduleNext()
    })
    return this.running
  }

  private async sendDue(): Promise<void> {
    for (;;) {
      const entry = [...this.queue.values()].find((one) => !one.problem && one.due <= Date.now())
      if (!entry) return
      this.set({ kind: 'saving' })
      if (!(await this.sendOne(entry))) return
    }
  }

  /** False: the server is away. */
  private async sendOne(entry: Entry): Promise<boolean> {
    entry.tried = true
    try {
      this.done(entry, await this.parts.write({ ...entry }))
    } catch (error) {
      const problem = asProblem(error)
      if (unreachable(problem)) {
        if (entry.measurement) entry.sent = [...entry.sent, entry.measurement]
        this.away(problem)
        return false
      }
      const current = problem.code === 'row.version' ? (problem.extra['current'] as Marking | undefined) : undefined
      if (current?.id) this.compare(entry, current)
      else if (problem.status === 404 && entry.measurement === null) this.settle(entry, null)
      else this.refuse(entry, problem)
    }
    this.failures = 0
    return true
  }

  private away(problem: Problem): void {
    const pauses = this.parts.retries ?? [1000, 2000, 4000, 8000]
    this.set({ kind: 'kept', problem: problem.status ? problem : null })
    this.schedule(pauses[Math.min(this.failures, pauses.length - 1)] ?? 8000)
    this.failures += 1
  }

  private done(entry: Entry, answer: Marking): void {
    this.savedAt = answer.updated_at
    this.settle(entry, answer.version)
    this.parts.settled(entry.exam, answer)
  }

  /** The record is at `version` by this entry; what was changed meanwhile goes on from there. */
  private settle(entry: Entry, version: number | null): void {
    const latest = this.queue.get(keyOf(entry))
    if (latest === entry || (version === null && latest?.measurement === null)) this.queue.delete(keyOf(entry))
    else if (latest) Object.assign(latest, { version, sent: [], tried: version !== null })
    this.keepLocally(entry.exam)
  }

  private compare(entry: Entry, current: Marking): void {
    const { measurement } = entry
    if (measurement === null ? current.removed : !current.removed && alike(current.measurement, measurement)) this.done(entry, current)
    else if (!current.removed && entry.sent.some((one) => alike(one, current.measurement))) {
      // The answer to an earlier try was lost: what ris holds was sent from here.
      Object.assign(this.queue.get(keyOf(entry)) ?? entry, { version: current.version, sent: [] })
    } else {
      const mine = this.queue.get(keyOf(entry)) ?? entry
      this.queue.delete(keyOf(entry))
      const copy = mine.measurement ? { ...mine.measurement, id: idempotencyKey() } : null
      if (copy) this.change(entry.exam, copy.id, null, copy)
      this.keepLocally(entry.exam)
      this.parts.overtaken(entry, current, copy)
    }
  }

  /** A new one stays, and is said to be unsaved; of one that ris has, ris' state is shown again. */
  private refuse(entry: Entry, problem: Problem): void {
    const latest = this.queue.get(keyOf(entry))
    if (entry.version === null && entry.measurement) {
      if (latest === entry) Object.assign(entry, { problem, tried: false })
      else if (latest) latest.tried = false
    } else if (latest === entry) {
      this.queue.delete(keyOf(entry))
      this.keepLocally(entry.exam)
    }
    this.parts.refused(entry, problem)
  }

  /** Local writes run one after another, so that a late one can never bring back what was sent. */
  private keepLocally(exam: number): void {
    const plain = (): Change[] => this.of(exam).map(({ id, version, measurement, tried }) => ({ exam, id, version, measurement, tried }))
    this.local = this.local.then(() => this.parts.keep(exam, plain())).catch(() => undefined)
  }

  private tell(): void {
    const entries = [...this.queue.values()]
    const refused = entries.find((entry) => entry.problem)
    if (entries.some((entry) => !entry.problem)) this.set({ kind: 'dirty' })
    else if (refused?.problem) this.set({ kind: 'refused', problem: refused.problem })
    else this.set(this.savedAt ? { kind: 'saved', at: this.savedAt } : { kind: 'clean' })
  }

  private set(state: MarkingSaveState): void {
    this.state = state
    if (!this.ended) this.parts.changed(state)
  }
}
