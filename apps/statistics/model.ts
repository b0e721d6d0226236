/** The desk object in the kernel, as the page sees it: its traits as refs, the filters as the one thing the page sets. */
import { ref, shallowRef, watch, type Ref, type ShallowRef } from 'vue'

import { asProblem, type DeskContext, Problem, type WidgetModel, type Words } from '../desk/shell'
import { theme } from '../desk/shell/theme'

export type ChartName = 'institutions' | 'modalities' | 'days' | 'turnaround'
export type FigureName = 'exams' | 'per_day' | 'accesses' | 'p50' | 'positive_rate' | 'reject_rate' | 'waiting'
/** exams … rejects: of the figures row, with what a change is measured against; rows, timed, days: of the charts. */
export type DefinitionName = 'exams' | 'accesses' | 'turnaround' | 'positive' | 'rejects' | 'rows' | 'timed' | 'days'
export type Bilingual = Record<'zh' | 'en', string>

export interface Filters {
  from: string | null
  to: string | null
  institution: string[]
  modality: string[]
}
export interface Figure {
  value: number | null
  previous: number | null
  change: number | null
}
export interface Summary {
  figures: Partial<Record<FigureName, Figure>>
  previous?: { from: string; to: string } | null
}
export interface Choice {
  key: string
  name: string
  name_en: string
}
export interface Choices {
  institutions?: Choice[]
  modalities?: Choice[]
  first?: string | null
  last?: string | null
  timezone?: string
}
export type Numbers = Record<string, string | number | null>

export interface StatisticsModel {
  state: Ref<'loading' | 'ready' | 'empty' | 'failed'>
  problem: ShallowRef<Problem | null>
  summary: ShallowRef<Summary>
  figures: ShallowRef<Partial<Record<ChartName, string>>>
  tables: ShallowRef<Partial<Record<ChartName, Numbers[]>>>
  definitions: ShallowRef<Partial<Record<DefinitionName, Bilingual>>>
  choices: ShallowRef<Choices>
  /** True from the moment something was asked until the kernel answered. */
  busy: Ref<boolean>
  updated: Ref<Date | null>
  refresh(): void
}

export function follow(context: DeskContext, filters: Ref<Filters>): StatisticsModel {
  const own: StatisticsModel = {
    state: ref('loading'),
    problem: shallowRef(null),
    summary: shallowRef({ figures: {} }),
    figures: shallowRef({}),
    tables: shallowRef({}),
    definitions: shallowRef({}),
    choices: shallowRef({}),
    busy: ref(true),
    updated: ref(null),
    refresh: () => ask(),
  }
  let model: WidgetModel | null = null

  function take(): void {
    if (model === null) return
    own.state.value = model.get('state')
    const told = model.get<{ status: number; code: string; words: Record<'zh' | 'en', Words> } | null>('problem')
    own.problem.value = told ? new Problem(told.status, told.code, told.words) : null
    own.summary.value = model.get('summary') ?? { figures: {} }
    own.figures.value = model.get('figures') ?? {}
    own.tables.value = model.get('tables') ?? {}
    own.definitions.value = model.get('definitions') ?? {}
    own.choices.value = model.get('choices') ?? {}
  }
  function ask(): void {
    own.busy.value = true
    // Held while the link is down: the figures come as soon as it is back.
    model?.send({ type: 'refresh' }, undefined, undefined, { hold: true }).catch(() => (own.busy.value = false))
  }
  function tell(): void {
    if (model === null) return
    model.set('theme', theme.value)
    model.set('filters', { ...filters.value })
    model.save_changes()
  }

  context.kernel.then(
    (joined) => {
      model = joined
      joined.on('change', take)
      joined.on('msg:custom', (content: unknown) => {
        if ((content as { type?: string } | null)?.type !== 'refreshed') return
        own.busy.value = false
        own.updated.value = new Date()
      })
      tell()
      ask()
    },
    (error: unknown) => {
      own.busy.value = false
      own.state.value = 'failed'
      own.problem.value = asProblem(error)
    },
  )
  watch(filters, () => {
    tell()
    ask()
  })
  watch(theme, tell)
  return own
}
