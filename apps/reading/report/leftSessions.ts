/**
 * Sessions that were left. Their text goes on being saved; who opens the same case again meanwhile must wait for it, or reads the report
 * without the last words and writes against an old version.
 */
import type { ReportSession } from './reportSession'

export class LeftSessions {
  private readonly saving = new Map<number, Promise<number | null>>()

  /** Saves what is unsaved and ends the session; what cannot be sent stays on this machine. */
  leave(session: ReportSession): void {
    const exam = session.row.exam_id
    const done = session
      .flush()
      .catch(() => false)
      .then(() => session.report.value?.id ?? null)
      .finally(() => {
        session.dispose()
        if (this.saving.get(exam) === done) this.saving.delete(exam)
      })
    this.saving.set(exam, done)
  }

  /** The report's id once nothing of this exam is being saved any more; null: nothing is. */
  of(exam: number): Promise<number | null> | null {
    return this.saving.get(exam) ?? null
  }
}
