/**
 * Which screen a case is put up with. The choice is made at once from what is known when the case is opened; priors come into their cells
 * when they are known, unless the reader has changed the screen meanwhile.
 */
import { computed, shallowRef, type ComputedRef, type ShallowRef } from 'vue'

import type { CaseInfo, HangRequest, HungRequest, OwnPreset, Screen } from '../../viewer/api'
import { fitOf } from '../../viewer/hanging/fitting'
import { choices, hang, planOf, type Hangable, type Plan, type PlannedCell } from '../../viewer/hanging/plan'
import { viewRequest, type CellView, type PriorFacts, type Protocol, type SeriesFacts } from '../../viewer/hanging/protocol'
import type { LayoutName } from '../../viewer/layout'
import type { FunctionId, Toolset } from '../../viewer/toolset'
import type { Exam, Row, SeriesAhead } from '../records'
import { factsOf, seriesFacts } from './caseFacts'
import { firstSeries, type CaseCache } from './caseCache'
import { allProtocols, type HangingProtocols } from './hangingProtocols'
import type { Shown } from './useCase'

export interface HangingParts {
  own: HangingProtocols
  cache: CaseCache
  presets(): readonly OwnPreset[]
  row(): Row | null
  /** The open exam's details, once they are here. */
  exam(): Exam | null
  screen(): Screen | null
  hang(request: HangRequest): void
  hangMore(layout: LayoutName, cells: (HungRequest | null)[]): void
  info(study: string, series: string): CaseInfo
  tools(): Toolset
  /** A protocol wanted functions that the reader's hospital has not got: they are left out. */
  leftOut(functions: readonly FunctionId[]): void
  /** What leads on the screen now. */
  leads(shown: Shown): void
  /** Images of this prior are being shown. */
  prior(exam: number): void
}

export interface Hanging {
  /** Null while no protocol is in force. */
  plan: ShallowRef<Plan | null>
  /** All that can be filled for the open case, the fitting ones first. */
  choices: ComputedRef<Plan[]>
  /** For the editor: the case as protocols see it. */
  around(): Hangable | null
  begin(row: Row, study: string, series: readonly SeriesAhead[]): Shown | null
  /** More is known: the exam with its priors, or the reader's protocols. */
  more(): void
  /** By id; '' for one view without a protocol. */
  choose(id: string): void
  next(): Plan | null
  again(): void
}

export function useHanging(parts: HangingParts): Hanging {
  const { own, cache } = parts
  const plan = shallowRef<Plan | null>(null)
  /** What of the case is known grows without being watched: this counts it. */
  const grown = shallowRef(0)
  let of: number | null = null
  /** The screen as it was put up. */
  let hung: { layout: LayoutName; cells: (PlannedCell | null)[] } | null = null
  let chosenByHand = false
  const asked = new Set<string>()

  function seriesOf(study: string): SeriesFacts[] | null {
    const found = cache.summaries.peek(study)?.series ?? cache.ahead.peek(study)
    return found && seriesFacts(study, found)
  }

  function priorsOf(row: Row): PriorFacts[] | null {
    const exam = parts.exam() ?? cache.exams.peek(row.exam_id)
    if (!exam || exam.exam_id !== row.exam_id) return null
    return exam.priors.filter(({ study_uids: uids }) => uids.length > 0).map((prior) => {
      const studies = prior.study_uids.map(seriesOf)
      return { ...factsOf(prior), exam: prior.exam_id, series: studies.includes(null) ? null : studies.flatMap((study) => study ?? []) }
    })
  }

  function around(row: Row | null = parts.row()): Hangable | null {
    if (!row) return null
    const series = row.study_uids.flatMap((study) => seriesOf(study) ?? [])
    return { facts: factsOf(row), series, priors: priorsOf(row), presets: parts.presets() }
  }

  const all = computed(() => allProtocols(own.value.value))
  const every = computed(() => {
    void grown.value
    const known = around()
    return known ? choices(all.value, known) : []
  })

  function request({ study, series, index, view, window, gamma, inverted, turn }: PlannedCell): HungRequest {
    return {
      study, series, info: parts.info(study, series),
      ...(index === undefined ? {} : { index }), ...(window ? { window } : {}), ...(gamma === undefined ? {} : { gamma }), ...(inverted ? { inverted } : {}), ...(turn ? { turn } : {}),
      ...viewRequest(view),
    }
  }

  function put(next: Pick<Plan, 'layout' | 'cells' | 'active' | 'linked'>): Shown | null {
    hung = { layout: next.layout, cells: next.cells }
    const cells = next.cells.map((cell) => cell && request(cell))
    parts.hang({ layout: next.layout, cells, active: next.active, linked: next.linked })
    tellLeftOut(cells)
    tellPriors(next.cells)
    const lead = next.cells[next.active]
    return lead ? { studyUid: lead.study, seriesUid: lead.series } : null
  }

  function tellLeftOut(cells: readonly (HungRequest | null)[]): void {
    const missing = [...new Set(cells.flatMap((cell) => (cell ? parts.tools().fitting(cell).missing : [])))]
    if (missing.length) parts.leftOut(missing)
  }

  /** Whether what a cell shows is what was planned for it: the images themselves where the reader's hospital has not got the view. */
  function asPlanned(shown: CellView, { view }: PlannedCell): boolean {
    if (shown === view || view === 'rendering' || view === 'curved') return true
    return shown === 'images' && parts.tools().fitting(viewRequest(view)).missing.length > 0
  }

  function tellPriors(cells: readonly (PlannedCell | null)[]): void {
    for (const exam of new Set(cells.flatMap((cell) => (cell?.prior === undefined ? [] : [cell.prior])))) parts.prior(exam)
  }

  /** One view; the grid that the reader had chosen stays, one that a protocol made does not. */
  function single(first: { study: string; series: string } | null, layout: LayoutName): Shown | null {
    plan.value = null
    const cells: (PlannedCell | null)[] = first ? [{ ...first, view: 'images' }] : []
    return put({ layout, cells, active: 0, linked: false })
  }

  function decide(row: Row): Plan | null {
    const known = around(row)
    // Before the reader's own are known nothing may be put up that he does not want.
    if (!known || !own.value.value.automatic || (!own.known.value && !own.problem.value)) return null
    return hang(all.value, known)
  }

  function begin(row: Row, study: string, series: readonly SeriesAhead[]): Shown | null {
    const first = firstSeries(series)
    if (!first) return null
    const before = plan.value
    of = row.exam_id
    chosenByHand = false
    asked.clear()
    grown.value += 1
    plan.value = decide(row)
    const shown = plan.value ? put(plan.value) : single({ study, series: first.series_uid }, before ? '1x1' : (parts.screen()?.layout ?? '1x1'))
    askPriors()
    return shown
  }

  /** Lists of the series of priors that are to be shown; asking for a list opens nothing. */
  function askPriors(): void {
    const exam = parts.exam()
    for (const id of plan.value?.awaited ?? []) {
      for (const study of exam?.priors.find((prior) => prior.exam_id === id)?.study_uids ?? []) {
        if (asked.has(study)) continue
        asked.add(study)
        cache.ahead.get(study).then(more, () => undefined) // A prior that cannot be had is missing from the screen; the strip says why.
      }
    }
  }

  /** Whether the reader has left the screen as it was put up. */
  function untouched(): boolean {
    const now = parts.screen()
    if (!hung) return false
    if (!now) return true
    const { cells } = hung
    return now.layout === hung.layout && now.cells.every((cell, position) => {
      const planned = cells[position] ?? null
      return planned === null ? cell === null : cell !== null && cell.series === planned.series && asPlanned(cell.view, planned)
    })
  }

  function more(): void {
    const row = parts.row()
    grown.value += 1
    if (!row || row.exam_id !== of || !untouched()) return
    if (!plan.value) {
      const late = chosenByHand ? null : decide(row)
      if (late) use(late)
      return
    }
    const known = around(row)
    const now = known && planOf(plan.value.protocol, plan.value.fit, known)
    // What is shown stays where it is: more may only come beside it.
    if (!now || !hung?.cells.every((cell, at) => cell === null || (cell.series === now.cells[at]?.series && cell.view === now.cells[at]?.view))) return
    plan.value = now
    if (now.layout !== hung.layout || now.cells.some((cell, at) => cell !== null && !hung?.cells[at])) {
      hung = { layout: now.layout, cells: now.cells }
      const cells = now.cells.map((cell) => cell && request(cell))
      parts.hangMore(now.layout, cells)
      tellLeftOut(cells)
      tellPriors(now.cells)
    }
    askPriors()
  }

  function use(next: Plan): void {
    plan.value = next
    const shown = put(next)
    if (shown) parts.leads(shown)
    askPriors()
  }

  function planFor(protocol: Protocol): Plan | null {
    const known = around()
    return known && planOf(protocol, fitOf(protocol, known.facts, known.series), known)
  }

  function choose(id: string): void {
    chosenByHand = true
    if (id === '') {
      const row = parts.row()
      const study = row?.study_uids.find((uid) => (seriesOf(uid)?.length ?? 0) > 0)
      const ahead = study ? (cache.summaries.peek(study)?.series ?? cache.ahead.peek(study)) : null
      const first = ahead ? firstSeries(ahead) : null
      const shown = study && first ? single({ study, series: first.series_uid }, '1x1') : null
      if (shown) parts.leads(shown)
      return
    }
    const protocol = all.value.find((one) => one.id === id)
    const found = protocol ? planFor(protocol) : null
    if (found) use(found)
  }

  /** Of those that fit, the one after the present one; after the last, one view. */
  function next(): Plan | null {
    const fitting = every.value.filter(({ fit }) => fit !== null)
    const at = fitting.findIndex(({ protocol }) => protocol.id === plan.value?.protocol.id)
    const following = fitting[at + 1]
    choose(following?.protocol.id ?? '')
    return following ?? null
  }

  return { plan, choices: every, around, begin, more, choose, next, again: () => choose(plan.value?.protocol.id ?? '') }
}
