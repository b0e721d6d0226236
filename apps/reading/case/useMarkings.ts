/**
 * The markings of the open case and of the priors unfolded beside it: from ris into the viewer, from the viewer into ris, and those
 * of others as they come. The viewer holds what is drawn; here stands what ris knows of each.
 */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import type { Me, Problem } from '../../desk/shell'
import { alike } from '../../viewer/alike'
import type { Measurement, Viewer } from '../../viewer/api'
import type { KeptStore } from '../keptStore'
import { unreachable, type Marking, type Person, type Records, type Row } from '../records'
import { comesBack } from './comesBack'
import { MarkingSave, type Change } from './markingSave'
import type { OutboxState } from './outbox'

export interface KeptMarkings { key: string; username: string; exam: number; changes: Change[] }
export type MarkingViewer = Pick<Viewer, 'measurements' | 'setMeasurements' | 'mergeMeasurements' | 'removeMeasurement'>
type Marked = Pick<Row, 'exam_id' | 'study_uids'>

/** One line of the list. */
export interface ListedMarking {
  measurement: Measurement
  exam: number
  author: Person | null
  changeable: boolean
  saved: boolean
  problem: Problem | null
}

export interface Markings {
  list: ShallowRef<readonly ListedMarking[]>
  status: Ref<'loading' | 'ready' | 'failed'>
  problem: ShallowRef<Problem | null>
  save: Ref<OutboxState>
  open(row: Marked): void
  /** The open case has other images now. */
  update(row: Marked): void
  prior(row: Marked): void
  close(): void
  /** The viewer has come. */
  ready(): void
  /** What is on the images now, as the viewer says it. */
  changed(list: Measurement[]): void
  remove(id: string): void
  /** Brings back what was removed a moment ago. */
  restore(measurement: Measurement): void
  reload(): void
  reconnected(): void
  flush(): Promise<boolean>
  dispose(): void
}

export interface MarkingParts {
  records: Pick<Records, 'markings' | 'putMarking' | 'removeMarking'>
  kept: KeptStore<KeptMarkings>
  me: Ref<Me | null>
  viewer(): MarkingViewer | null
  follow(onMarking: (marking: Marking) => void): () => void
  /** `both`: changed in two places, both are kept; `stays`: not removed, somebody changed it; `theirs`: not one's own; else why ris refused. */
  tell(what: 'both' | 'stays' | 'theirs' | Problem): void
}

export function useMarkings(parts: MarkingParts): Markings {
  const list = shallowRef<readonly ListedMarking[]>([])
  const status = ref<'loading' | 'ready' | 'failed'>('ready')
  const problem = shallowRef<Problem | null>(null)
  const save = ref<OutboxState>({ kind: 'clean' }) as Ref<OutboxState>
  let current: Marked | null = null
  const priors = new Map<number, Marked>()
  /** Exams of the case whose markings could not be had: what is drawn is not all there is. */
  const missing = new Map<number, Problem>()
  const { failed, quiet } = comesBack(() => rows().filter(({ exam_id: exam }) => missing.has(exam)).forEach((row) => void load(row)))
  /** What ris has, by id; removed ones too, with the version to go on from. */
  const known = new Map<string, Marking>()
  /** What the viewer said last, by id. */
  const seen = new Map<string, Measurement>()

  const saver = new MarkingSave({
    write: ({ exam, id, version, measurement }) => (measurement ? parts.records.putMarking(exam, id, version, measurement) : parts.records.removeMarking(exam, id, version)),
    keep: async (exam, changes) => {
      const username = parts.me.value?.username ?? ''
      const key = `${username} ${exam}`
      await (changes.length ? parts.kept.put({ key, username, exam, changes }) : parts.kept.remove(key))
    },
    settled: (exam, marking) => {
      if (!isOpen(exam)) return
      learn(marking)
      // What an earlier page left is not on the images yet.
      const missing = !marking.removed && !seen.has(marking.id) && !saver.has(exam, marking.id)
      draw(missing ? [marking.measurement] : [], [])
    },
    overtaken: (change, marking, copy) => {
      if (isOpen(change.exam)) {
        learn(marking)
        draw([...(marking.removed ? [] : [marking.measurement]), ...(copy ? [copy] : [])], marking.removed ? [marking.id] : [])
      }
      parts.tell(copy ? 'both' : 'stays')
    },
    refused: (change, why) => {
      if (isOpen(change.exam) && !saver.has(change.exam, change.id)) revert(change.id)
      parts.tell(why)
      show()
    },
    changed: (state) => void (save.value = state),
  })

  const rows = (): Marked[] => [...(current ? [current] : []), ...priors.values()]
  const isOpen = (exam: number): boolean => current?.exam_id === exam || priors.has(exam)

  function examOf(study: string): number | null {
    if (current?.study_uids.includes(study)) return current.exam_id
    return [...priors.values()].find((row) => row.study_uids.includes(study))?.exam_id ?? null
  }

  const mayEdit = (): boolean => parts.me.value?.operations.includes('marking.edit') ?? false

  function learn(marking: Marking): void {
    const before = known.get(marking.id)
    if (!before || before.version <= marking.version) known.set(marking.id, marking)
  }

  /** Puts into the viewer what was not drawn here: it is no change to save. */
  function draw(measurements: Measurement[], gone: string[]): void {
    if (!measurements.length && !gone.length) return show()
    for (const one of measurements) seen.set(one.id, one)
    for (const id of gone) seen.delete(id)
    const viewer = parts.viewer()
    viewer?.mergeMeasurements(measurements, gone)
    // What this viewer cannot draw (a kind of a later version) it will not name again: that is no removal.
    const drawn = new Set(viewer?.measurements().map((one) => one.id))
    if (viewer) for (const { id } of measurements) if (!drawn.has(id)) seen.delete(id)
    show()
  }

  function revert(id: string): void {
    const marking = known.get(id)
    if (marking && !marking.removed) draw([marking.measurement], [])
    else draw([], [id])
  }

  function line(measurement: Measurement): ListedMarking | null {
    const exam = examOf(measurement.study)
    if (exam === null) return null
    const marking = known.get(measurement.id)
    const mine = parts.me.value ? { username: parts.me.value.username, name: parts.me.value.name } : null
    return {
      // What cannot be computed here (pixels not loaded yet) is as it was when it was made.
      measurement: measurement.value === null && marking ? { ...measurement, value: marking.measurement.value, unit: marking.measurement.unit } : measurement,
      exam,
      author: marking?.author ?? mine,
      changeable: marking && !marking.removed ? marking.changeable : mayEdit(),
      saved: !saver.has(exam, measurement.id),
      problem: saver.problemOf(exam, measurement.id),
    }
  }

  function show(): void {
    const drawn = new Map((parts.viewer()?.measurements() ?? [...seen.values()]).map((one) => [one.id, one]))
    for (const marking of known.values()) {
      const exam = examOf(marking.measurement.study)
      if (!marking.removed && !drawn.has(marking.id) && exam !== null && !saver.has(exam, marking.id)) drawn.set(marking.id, marking.measurement)
    }
    const lines = [...drawn.values()].map(line).filter((one) => one !== null)
    list.value = lines.sort((a, b) => a.measurement.created.localeCompare(b.measurement.created) || a.measurement.id.localeCompare(b.measurement.id))
  }

  function changed(measurements: Measurement[]): void {
    if (current) {
      const now = new Map(measurements.map((one) => [one.id, one]))
      for (const one of measurements) {
        const before = seen.get(one.id)
        seen.set(one.id, one)
        if (!before || !alike(before, one)) touched(one)
      }
      for (const [id, one] of [...seen]) {
        if (now.has(id)) continue
        seen.delete(id)
        gone(one)
      }
    }
    show()
  }

  function touched(measurement: Measurement): void {
    const exam = examOf(measurement.study)
    const marking = known.get(measurement.id)
    if (exam === null || (!marking && !mayEdit())) return
    if (marking && !marking.changeable) {
      revert(measurement.id)
      parts.tell('theirs')
    } else saver.change(exam, measurement.id, marking?.version ?? null, measurement)
  }

  function gone(measurement: Measurement): void {
    const exam = examOf(measurement.study)
    const marking = known.get(measurement.id)
    if (exam === null) return
    if (marking && !marking.removed && !marking.changeable) {
      revert(measurement.id)
      parts.tell('theirs')
    } else if (!marking?.removed || saver.has(exam, measurement.id)) saver.change(exam, measurement.id, marking?.version ?? null, null)
  }

  /** State of ris comes in: by load, or live. Mine that is still on its way stays as it is drawn. */
  function take(markings: readonly Marking[]): void {
    const drawn: Measurement[] = []
    const removed: string[] = []
    for (const marking of markings) {
      const exam = examOf(marking.measurement.study)
      if (exam === null || (known.get(marking.id)?.version ?? 0) >= marking.version) continue
      learn(marking)
      if (saver.has(exam, marking.id)) continue
      const before = seen.get(marking.id)
      if (marking.removed) removed.push(marking.id)
      else if (!before || !alike(before, marking.measurement)) drawn.push(marking.measurement)
    }
    draw(drawn, removed)
  }

  /** What was drawn here and ris does not have yet. */
  function drawWaiting(exam: number): void {
    const waiting = saver.of(exam)
    if (waiting.length) draw(waiting.flatMap((change) => change.measurement ?? []).filter((one) => !seen.has(one.id)), waiting.filter((change) => !change.measurement).map((change) => change.id))
  }

  async function load(row: Marked): Promise<void> {
    const exam = row.exam_id
    drawWaiting(exam) // ris may be away
    try {
      const found = await parts.records.markings(exam)
      if (!isOpen(exam)) return
      take(found)
      drawWaiting(exam)
      missing.delete(exam)
      // A prior that is here says nothing of the case that still comes.
      if (current?.exam_id !== exam && status.value === 'loading') return
    } catch (error) {
      if (!isOpen(exam)) return
      const found = failed(error)
      // Those of a prior that this reader may not see are none to him.
      if (current?.exam_id === exam || unreachable(found)) missing.set(exam, found)
    }
    const [why] = missing.values()
    problem.value = why ?? null
    status.value = why ? 'failed' : 'ready'
    if (!why) quiet()
  }

  /** Nothing of the case stays in the viewer; what was not saved yet goes out all the same. */
  function leave(): void {
    const viewer = parts.viewer()
    if (current && viewer) changed(viewer.measurements())
    void saver.flush()
    current = null
    priors.clear()
    missing.clear()
    quiet()
    known.clear()
    seen.clear()
    viewer?.setMeasurements([])
    list.value = []
    problem.value = null
  }

  function open(row: Marked): void {
    leave()
    current = row
    status.value = 'loading'
    void load(row)
  }

  function reload(): void {
    if (status.value === 'failed') status.value = 'loading'
    for (const row of rows()) void load(row)
  }

  /** What an earlier page left unsent, of whichever case. */
  async function restoreKept(username: string): Promise<void> {
    const kept = (await parts.kept.all().catch(() => [])).filter((one) => one.username === username)
    saver.adopt(kept.flatMap((one) => one.changes))
    if (current && kept.some((one) => isOpen(one.exam))) reload()
  }

  const unwatch = watch(() => parts.me.value?.username, (username) => void (username && restoreKept(username)), { immediate: true })
  const unfollow = parts.follow((marking) => take([marking]))

  return {
    list, status, problem, save, open, changed, reload,
    close: leave,
    update(row) {
      if (current?.exam_id !== row.exam_id) return
      const before = current.study_uids
      current = row
      if (row.study_uids.some((uid) => !before.includes(uid))) void load(row)
    },
    prior(row) {
      if (!current || priors.has(row.exam_id)) return
      priors.set(row.exam_id, row)
      void load(row)
    },
    ready() {
      const waiting = [...seen.values()]
      if (waiting.length) draw(waiting, [])
    },
    remove(id) {
      const viewer = parts.viewer()
      const one = seen.get(id) ?? known.get(id)?.measurement
      if (viewer?.measurements().some((drawn) => drawn.id === id)) viewer.removeMeasurement(id) // the viewer says so, and that is saved
      else if (one) {
        seen.delete(id)
        gone(one)
        show()
      }
    },
    restore(measurement) {
      draw([measurement], [])
      touched(measurement)
      show()
    },
    reconnected: () => {
      saver.reconnected()
      reload()
    },
    flush: () => saver.flush(),
    dispose() {
      quiet()
      unwatch()
      unfollow()
      saver.dispose()
    },
  }
}
