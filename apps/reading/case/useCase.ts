/** The case on the reading screen: its row, details, series, and the series in the viewer. The viewer is told first, everything else follows. */
import { computed, reactive, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import type { Problem } from '../../desk/shell'
import type { Exam, Row, SeriesAhead, SeriesSummary, Summary } from '../records'
import { sortedSeries, type CaseCache } from './caseCache'
import { comesBack } from './comesBack'

export interface StudyEntry { study_uid: string; summary: Summary | null; problem: Problem | null }
export interface Shown { studyUid: string; seriesUid: string }

export interface OpenCase {
  row: ShallowRef<Row | null>
  exam: ShallowRef<Exam | null>
  problem: ShallowRef<Problem | null>
  studies: ComputedRef<StudyEntry[]>
  shown: Ref<Shown | null>
  /** Exams (priors) whose series are unfolded in the strip. */
  unfolded: ReadonlySet<number>
  open(row: Row): void
  update(row: Row): void
  close(): void
  /** `index`: the image to open at, 0-based; the middle one when not given. */
  choose(studyUid: string, seriesUid: string, index?: number): void
  unfold(prior: Row): void
  series(studyUid: string): SeriesSummary[]
  /** Whether the series of a study are here. */
  loaded(studyUid: string): boolean
  /** Why the series of a study are not here; null while they are fetched, and when they are. */
  trouble(studyUid: string): Problem | null
  /** Asks again for what has not come. By itself too, while the servers do not answer. */
  retry(): void
  step(by: 1 | -1): void
}

export interface CaseParts {
  cache: CaseCache
  /** Puts up the first screen of the case, from what is known of one of its studies; what leads on it, or null when that has no picture. */
  begin(row: Row, studyUid: string, series: readonly SeriesAhead[]): Shown | null
  show(shown: Shown, index?: number): void
  clear(): void
  /** Whether the active view shows it: the same series may be wanted in another view. */
  visible?(shown: Shown): boolean
}

export function useCase(parts: CaseParts): OpenCase {
  const row = shallowRef<Row | null>(null)
  const exam = shallowRef<Exam | null>(null)
  const problem = shallowRef<Problem | null>(null)
  const shown = ref<Shown | null>(null)
  const summaries = reactive(new Map<string, { summary: Summary | null; problem: Problem | null }>())
  const unfolded = reactive(new Set<number>())
  const { failed, quiet } = comesBack(retry)

  function retry(): void {
    quiet()
    const of = row.value
    if (!of) return
    if (problem.value) fetchExam(of)
    for (const [uid, one] of summaries) if (one.problem) fetchSummary(uid, of, of.study_uids.includes(uid))
  }

  const studies = computed(() => (row.value?.study_uids ?? []).map((uid) => ({ study_uid: uid, summary: null, problem: null, ...summaries.get(uid) })))

  function choose(studyUid: string, seriesUid: string, index?: number): void {
    const wanted = { studyUid, seriesUid }
    if (shown.value?.studyUid === studyUid && shown.value.seriesUid === seriesUid && (parts.visible?.(wanted) ?? true)) return
    shown.value = wanted
    parts.show(wanted, index)
  }

  function showFirst(studyUid: string, series: readonly SeriesAhead[]): void {
    if (!shown.value && row.value) shown.value = parts.begin(row.value, studyUid, series)
  }

  function fetchSummary(uid: string, of: Row, wanted: boolean): void {
    const ready = parts.cache.summaries.peek(uid)
    if (ready) {
      summaries.set(uid, { summary: ready, problem: null })
      if (wanted) showFirst(uid, ready.series)
    } else if (wanted) {
      // Fetched ahead without opening the study: the picture need not wait for the summary.
      const ahead = parts.cache.ahead.peek(uid)
      if (ahead) showFirst(uid, ahead)
    }
    parts.cache.summaries.get(uid).then(
      (summary) => {
        if (row.value?.exam_id !== of.exam_id) return
        summaries.set(uid, { summary, problem: null })
        if (wanted) showFirst(uid, summary.series)
      },
      (error: unknown) => {
        if (row.value?.exam_id === of.exam_id && !summaries.get(uid)?.summary) summaries.set(uid, { summary: null, problem: failed(error) })
      },
    )
  }

  function open(next: Row): void {
    quiet()
    row.value = next
    shown.value = null
    problem.value = null
    summaries.clear()
    unfolded.clear()
    next.study_uids.forEach((uid) => fetchSummary(uid, next, true))
    if (!shown.value) parts.clear()
    exam.value = parts.cache.exams.peek(next.exam_id)
    fetchExam(next)
  }

  function fetchExam(of: Row): void {
    parts.cache.exams.get(of.exam_id).then(
      (found) => {
        if (row.value?.exam_id !== of.exam_id) return
        exam.value = found
        problem.value = null
      },
      (error: unknown) => {
        if (row.value?.exam_id === of.exam_id && !exam.value) problem.value = failed(error)
      },
    )
  }

  /** A live change of the open case: new images and details come in, what is shown stays. */
  function update(next: Row): void {
    const before = row.value
    if (!before || before.exam_id !== next.exam_id || next.version < before.version) return
    row.value = next
    fetchExam(next)
    for (const uid of next.study_uids) if (!summaries.has(uid) || before.images !== next.images) fetchSummary(uid, next, true)
  }

  function unfold(prior: Row): void {
    if (unfolded.delete(prior.exam_id)) return
    unfolded.add(prior.exam_id)
    if (row.value) for (const uid of prior.study_uids) fetchSummary(uid, row.value, false)
  }

  function series(uid: string): SeriesSummary[] {
    const summary = summaries.get(uid)?.summary
    return summary ? sortedSeries(summary.series) : []
  }

  /** The series before or after the shown one, within the case. */
  function step(by: 1 | -1): void {
    const all = studies.value.flatMap((study) => series(study.study_uid).filter((each) => each.renderable).map((each) => ({ studyUid: study.study_uid, seriesUid: each.series_uid })))
    const next = all[all.findIndex((each) => each.seriesUid === shown.value?.seriesUid) + by]
    if (next) choose(next.studyUid, next.seriesUid)
  }

  return {
    row, exam, problem, studies, shown, unfolded, open, update, choose, unfold, series, retry, step,
    loaded: (uid) => Boolean(summaries.get(uid)?.summary),
    trouble: (uid) => summaries.get(uid)?.problem ?? null,
    close: () => {
      quiet()
      row.value = exam.value = shown.value = problem.value = null
    },
  }
}
