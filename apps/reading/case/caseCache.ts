/** Case data fetched ahead: exam details and study summaries, each asked once while fresh, the oldest dropped. */
import type { Exam, Records, Row, SeriesAhead, Summary } from '../records'

const FRESH_MS = 60_000
const MOST = 40

interface Entry<T> { at: number; value: Promise<T>; done?: T }

class Cache<K, T> {
  private readonly entries = new Map<K, Entry<T>>()

  constructor(private readonly fetch: (key: K) => Promise<T>) {}

  get(key: K): Promise<T> {
    const known = this.entries.get(key)
    if (known && Date.now() - known.at < FRESH_MS) return known.value
    const entry: Entry<T> = { at: Date.now(), value: this.fetch(key) }
    this.entries.delete(key)
    this.entries.set(key, entry)
    entry.value.then(
      (value) => void (entry.done = value),
      () => void (this.entries.get(key) === entry && this.entries.delete(key)),
    )
    for (const oldest of this.entries.keys()) {
      if (this.entries.size <= MOST) break
      this.entries.delete(oldest)
    }
    return entry.value
  }

  /** What is here already, fresh or not. */
  peek(key: K): T | null {
    return this.entries.get(key)?.done ?? null
  }

  drop(key: K): void {
    this.entries.delete(key)
  }
}

export class CaseCache {
  readonly exams: Cache<number, Exam>
  readonly summaries: Cache<string, Summary>

  /** Series of studies that nobody has opened yet. */
  readonly ahead: Cache<string, SeriesAhead[]>

  constructor(records: Pick<Records, 'exam' | 'summary' | 'seriesAhead'>) {
    this.ahead = new Cache((uid) => records.seriesAhead(uid))
    this.exams = new Cache((id) => records.exam(id))
    this.summaries = new Cache((uid) => records.summary(uid))
  }

  /** A live row with other images or another state makes what was fetched before it old. */
  changed(before: Row | undefined, after: Row): void {
    if (!before || before.version === after.version) return
    this.exams.drop(after.exam_id)
    if (before.images === after.images) return
    for (const uid of after.study_uids) {
      this.summaries.drop(uid)
      this.ahead.drop(uid)
    }
  }
}

/** The series to show first: in order of number, the first that can be shown and is no localizer (one to three pictures before a longer one). */
export function firstSeries<S extends SeriesAhead>(series: readonly S[]): S | null {
  const shown = sortedSeries(series).filter((series) => series.renderable)
  const longest = Math.max(0, ...shown.map((series) => series.frames))
  return shown.find((series) => longest <= 3 || series.frames > 3) ?? shown[0] ?? null
}

export function sortedSeries<S extends SeriesAhead>(series: readonly S[]): S[] {
  return [...series].sort((a, b) => (a.number ?? 1e9) - (b.number ?? 1e9) || a.series_uid.localeCompare(b.series_uid))
}
