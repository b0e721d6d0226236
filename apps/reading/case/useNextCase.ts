/** The case before and after the open one, in the order of the list the doctor came from; the next one is fetched ahead. */
import { computed, type ComputedRef, type ShallowRef } from 'vue'

import type { Row } from '../records'
import type { Worklist } from '../worklist/useWorklist'
import { firstSeries, type CaseCache } from './caseCache'

export interface NextCase {
  position: ComputedRef<{ at: number; of: number }>
  next: ComputedRef<Row | null>
  previous: ComputedRef<Row | null>
  /** Fetches details, summary and the first series' middle pictures of a row; quiet about failures. */
  ahead(row: Row | null, images?: boolean): Promise<void>
}

export interface NextParts {
  list: Pick<Worklist, 'rows' | 'neighbour'>
  current: ShallowRef<Row | null>
  cache: CaseCache
  prefetch(studyUid: string, seriesUid: string): void
}

export function useNextCase(parts: NextParts): NextCase {
  async function ahead(row: Row | null, images = true): Promise<void> {
    if (!row) return
    const uid = row.study_uids[0]
    const [summary] = await Promise.all([
      uid ? parts.cache.summaries.get(uid).catch(() => null) : null,
      parts.cache.exams.get(row.exam_id).catch(() => null),
    ])
    const series = summary ? firstSeries(summary) : null
    if (uid && series && images) parts.prefetch(uid, series.series_uid)
  }

  return {
    position: computed(() => {
      const rows = parts.list.rows.value
      return { at: rows.findIndex((row) => row.exam_id === parts.current.value?.exam_id) + 1, of: rows.length }
    }),
    next: computed(() => (parts.current.value ? parts.list.neighbour(parts.current.value.exam_id, 1) : null)),
    previous: computed(() => (parts.current.value ? parts.list.neighbour(parts.current.value.exam_id, -1) : null)),
    ahead,
  }
}
