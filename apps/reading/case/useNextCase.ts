/** The case before and after the open one, in the order of the list the doctor came from; the next one is fetched ahead. */
import { computed, type ComputedRef, type ShallowRef } from 'vue'

import type { Row } from '../records'
import type { Worklist } from '../worklist/useWorklist'
import { firstSeries, type CaseCache } from './caseCache'

export interface NextCase {
  position: ComputedRef<{ at: number; of: number }>
  next: ComputedRef<Row | null>
  previous: ComputedRef<Row | null>
  /** Fetches details and the list of series of a row, with `images` also the first series' pictures, the middle ones first; quiet about failures. */
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
    const [ahead] = await Promise.all([
      uid ? parts.cache.ahead.get(uid).catch(() => null) : null,
      parts.cache.exams.get(row.exam_id).catch(() => null),
    ])
    const series = ahead ? firstSeries(ahead) : null
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
