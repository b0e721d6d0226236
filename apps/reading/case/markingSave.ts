/**
 * Saving of markings: an outbox that waits until the hand has let go (`wait` ms after the last change of that marking). Where somebody
 * else changed the same marking meanwhile, theirs stands and mine becomes a marking of its own: nothing that was drawn is lost.
 */
import { idempotencyKey, type Problem } from '../../desk/shell'
import { alike } from '../../viewer/alike'
import type { Measurement } from '../../viewer/api'
import type { Marking } from '../records'
import { Outbox, type OutboxState, type Waiting } from './outbox'

/** `measurement` null: it was removed. `version`: of the record it changes; null when the record does not know it, as far as we know. */
export interface Change {
  exam: number
  id: string
  version: number | null
  measurement: Measurement | null
  /** It was sent at least once; the answer may have been lost. */
  tried: boolean
}

interface Entry extends Change, Waiting {
  /** What was sent without an answer. */
  sent: Measurement[]
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
  changed(state: OutboxState): void
  wait?: number
  retries?: readonly number[]
}

/** ms of rest after which a changed marking is sent. */
const WAIT = 500

const plain = ({ exam, id, version, measurement, tried }: Change): Change => ({ exam, id, version, measurement, tried })

export class MarkingSave {
  private readonly box: Outbox<Entry, Marking>

  constructor(private readonly parts: MarkingSaveParts) {
    this.box = new Outbox({
      write: (entry) => parts.write(plain(entry)),
      keep: (exam, entries) => parts.keep(exam, entries.map(plain)),
      sending: (entry) => void (entry.tried = true),
      unanswered: (entry) => void (entry.measurement && (entry.sent = [...entry.sent, entry.measurement])),
      taken: (entry, answer) => this.done(entry, answer),
      overtaken: (entry, current) => this.compare(entry, current),
      refused: (entry, problem) => this.refuse(entry, problem),
      changed: (state) => parts.changed(state),
      ...(parts.retries && { retries: parts.retries }),
    })
  }

  get state(): OutboxState {
    return this.box.state
  }

  /** A marking was drawn, moved, or (null) removed. `version`: the record's, null when it has none. */
  change(exam: number, id: string, version: number | null, measurement: Measurement | null): void {
    const before = this.box.get(exam, id)
    // ris never heard of it.
    if (measurement === null && version === null && !before?.tried) return this.box.drop({ exam, id })
    const { wait = WAIT } = this.parts
    this.box.put({ exam, id, version: before ? before.version : version, measurement, tried: before?.tried ?? false, sent: before?.sent ?? [], problem: null, due: Date.now() + wait })
  }

  /** What an earlier page could not send. */
  adopt(changes: readonly Change[]): void {
    this.box.adopt(changes.map((change) => ({ ...change, sent: change.measurement ? [change.measurement] : [], problem: null, due: 0 })))
  }

  /** Changes of an exam that ris does not have yet. */
  of(exam: number): Change[] {
    return this.box.of(exam)
  }

  has(exam: number, id: string): boolean {
    return this.box.get(exam, id) !== undefined
  }

  /** Why ris did not take a marking; null when it did, or was not asked yet. */
  problemOf(exam: number, id: string): Problem | null {
    return this.box.get(exam, id)?.problem ?? null
  }

  /** Sends everything now; true when ris has all. */
  flush(): Promise<boolean> {
    return this.box.flush()
  }

  reconnected(): void {
    this.box.reconnected()
  }

  dispose(): void {
    this.box.dispose()
  }

  private done(entry: Entry, answer: Marking): void {
    this.box.settle(entry, { version: answer.version, sent: [], tried: true }, answer.updated_at)
    this.parts.settled(entry.exam, answer)
  }

  /** Somebody else was faster, or an earlier try of mine arrived after all. */
  private compare(entry: Entry, current: Marking): void {
    const { measurement } = entry
    if (measurement === null ? current.removed : !current.removed && alike(current.measurement, measurement)) this.done(entry, current)
    else if (!current.removed && entry.sent.some((one) => alike(one, current.measurement))) {
      // The answer to an earlier try was lost: what ris holds was sent from here.
      Object.assign(this.box.latest(entry), { version: current.version, sent: [] })
    } else {
      const mine = this.box.latest(entry)
      const copy = mine.measurement ? { ...mine.measurement, id: idempotencyKey() } : null
      if (copy) this.change(entry.exam, copy.id, null, copy)
      this.box.drop(entry)
      this.parts.overtaken(entry, current, copy)
    }
  }

  /** A new one stays, and is said to be unsaved; of one that ris has, ris' state is shown again. */
  private refuse(entry: Entry, problem: Problem): void {
    const latest = this.box.latest(entry)
    if (problem.status === 404 && entry.measurement === null) {
      // ris never had it: removed it is gone, drawn anew meanwhile it is a new one.
      if (latest.measurement === null) this.box.drop(entry)
      else this.box.settle(entry, { version: null, sent: [], tried: false })
      return
    }
    const made = entry.version === null && entry.measurement !== null
    if (made) latest.tried = false
    this.box.refuse(entry, problem, made)
    this.parts.refused(entry, problem)
  }
}
