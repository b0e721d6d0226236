/**
 * Saving of key images: an outbox with the picture of each. A new one that ris refuses stays here and says why. Where somebody else
 * changed a caption meanwhile, the one written last stands (the other is in the audit).
 */
import type { Problem } from '../../desk/shell'
import type { KeyImage } from '../../viewer/api'
import type { KeyImageRecord } from '../records'
import { Outbox, type OutboxState, type Waiting } from './outbox'

/** `caption` null: it was removed. `image` and `picture`: of one that ris does not have yet. `version`: of the record it changes. */
export interface KeyImageChange {
  exam: number
  id: string
  version: number | null
  caption: string | null
  image: KeyImage | null
  picture: Blob | null
}

type Entry = KeyImageChange & Waiting

export interface KeyImageSaveParts {
  /** Gives a change to ris; answers the record. Throws a Problem. */
  write(change: KeyImageChange): Promise<KeyImageRecord>
  /** Keeps the unsaved changes of an exam on this machine; none of them: forgets it. */
  keep(exam: number, changes: KeyImageChange[]): Promise<void>
  settled(exam: number, record: KeyImageRecord, made: boolean): void
  refused(change: KeyImageChange, problem: Problem): void
  /** ris cannot be reached: what is not refused stays here and is sent later. */
  away(): void
  changed(state: OutboxState): void
  retries?: readonly number[]
}

const entryOf = (change: KeyImageChange): Entry => ({ ...change, problem: null, due: 0 })
const plain = ({ exam, id, version, caption, image, picture }: KeyImageChange): KeyImageChange => ({ exam, id, version, caption, image, picture })

export class KeyImageSave {
  private readonly box: Outbox<Entry, KeyImageRecord>

  constructor(private readonly parts: KeyImageSaveParts) {
    this.box = new Outbox({
      write: (entry) => parts.write(plain(entry)),
      keep: (exam, entries) => parts.keep(exam, entries.map(plain)),
      taken: (entry, record) => this.settle(entry, record),
      overtaken: (entry, current) => this.compare(entry, current),
      refused: (entry, problem) => this.refuse(entry, problem),
      unanswered: () => parts.away(),
      changed: (state) => parts.changed(state),
      ...(parts.retries && { retries: parts.retries }),
    })
  }

  add(exam: number, image: KeyImage, picture: Blob): void {
    this.box.put(entryOf({ exam, id: image.id, version: null, caption: image.caption, image, picture }))
  }

  /** Another caption, or (null) removed; `version` null when ris does not know it, as far as we know. */
  change(exam: number, id: string, version: number | null, caption: string | null): void {
    const before = this.box.get(exam, id)
    // One that was refused is nowhere but here: removed, it is gone.
    if (caption === null && before?.image && before.problem) this.box.drop(before)
    else this.box.put(entryOf({ exam, id, version: before ? before.version : version, caption, image: before?.image ?? null, picture: before?.picture ?? null }))
  }

  /** What an earlier page could not send. */
  adopt(changes: readonly KeyImageChange[]): void {
    this.box.adopt(changes.map(entryOf))
  }

  /** Changes of an exam that ris does not have yet. */
  of(exam: number): (KeyImageChange & { problem: Problem | null })[] {
    return this.box.of(exam)
  }

  /** Sends everything now; true when ris has all. */
  flush(): Promise<boolean> {
    return this.box.flush()
  }

  /** Tries again what was refused, too. */
  again(): void {
    this.box.again()
  }

  reconnected(): void {
    this.box.reconnected()
  }

  dispose(): void {
    this.box.dispose()
  }

  /** ris has it; what was changed meanwhile goes on from there. */
  private settle(entry: Entry, record: KeyImageRecord): void {
    this.box.settle(entry, { version: record.version, image: null, picture: null })
    this.parts.settled(entry.exam, record, entry.image !== null)
  }

  /** Somebody else was faster. What is removed stays removed, and what is the same already is done; else mine goes on from there. */
  private compare(entry: Entry, current: KeyImageRecord): void {
    const done = current.removed || entry.caption?.trim() === current.caption
    if (done) this.settle(entry, current)
    else Object.assign(this.box.latest(entry), { version: current.version, image: null, picture: null })
  }

  private refuse(entry: Entry, problem: Problem): void {
    if (problem.status === 404 && entry.caption === null) return this.box.drop(entry) // ris never had it
    // Of one that ris has, ris' state stands again.
    this.box.refuse(entry, problem, entry.image !== null)
    this.parts.refused(entry, problem)
  }
}
