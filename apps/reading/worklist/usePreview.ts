/** What is known of the case beside the list: the row under the pointer, else the selected one. Details come after a short rest. */
import { shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import type { CaseCache } from '../case/caseCache'
import type { Exam, Row } from '../records'

const REST_MS = 60

export interface Preview {
  exam: ShallowRef<Exam | null>
  /** Why there are no details; null while they are on their way. */
  problem: ShallowRef<Problem | null>
  retry(): void
}

export interface PreviewParts {
  row: Ref<Row | null>
  reading: Ref<boolean>
  connected: Ref<boolean>
  exams: Pick<CaseCache['exams'], 'get' | 'peek'>
  /** Fetches what an opening will need. */
  ahead(row: Row): void
}

export function usePreview(parts: PreviewParts): Preview {
  const exam = shallowRef<Exam | null>(null)
  const problem = shallowRef<Problem | null>(null)
  let turn = 0

  function fetch(row: Row, mine: number): void {
    problem.value = null
    parts.exams.get(row.exam_id).then(
      (found) => void (mine === turn && (exam.value = found)),
      (error: unknown) => void (mine === turn && (problem.value = asProblem(error))),
    )
  }

  watch(parts.row, (row) => {
    const mine = ++turn
    exam.value = row ? parts.exams.peek(row.exam_id) : null
    problem.value = null
    if (!row || parts.reading.value) return
    setTimeout(() => {
      if (mine !== turn) return
      parts.ahead(row)
      fetch(row, mine)
    }, REST_MS)
  })

  function retry(): void {
    if (parts.row.value) fetch(parts.row.value, turn)
  }

  watch(parts.connected, (now) => {
    if (now && problem.value) retry()
  })

  return { exam, problem, retry }
}
