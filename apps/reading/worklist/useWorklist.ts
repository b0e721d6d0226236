/**
 * The worklist as the page holds it: one view of rows from ris, kept true by the live feed, with its place and selection.
 *
 * Live rows are collected for one animation frame and merged by version. While the pointer is moving over the table the new order
 * waits (`hold`): a row must not slide under a click. The selected row stays visible when it leaves the view, marked as such.
 */
import { computed, reactive, ref, shallowRef, type ComputedRef, type Ref } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import { comparer, DEFAULT_SORT, merged, type Column, type Sort } from '../order'
import type { Row, View, WorklistPage, WorklistQuery } from '../records'
import { belongsTo, isOpen } from '../stages'

export interface Filters {
  q: string
  modality: string
  institution: string
  date_from: string
  date_to: string
}

export interface WorklistParts {
  fetch(query: WorklistQuery): Promise<WorklistPage>
  follow(onRow: (row: Row) => void, since: () => number): () => void
  /** A STAT case came in that was not STAT, or not here, before. */
  alarm?(row: Row): void
  frame?(work: () => void): void
}

export interface Worklist {
  view: Ref<View>
  filters: Filters
  sort: Ref<Sort>
  status: Ref<'loading' | 'ready' | 'failed'>
  problem: Ref<Problem | null>
  counts: Ref<Partial<Record<View, number>>>
  rows: ComputedRef<Row[]>
  total: ComputedRef<number>
  statCount: ComputedRef<number>
  selectedId: Ref<number | null>
  selected: ComputedRef<Row | null>
  marked: ReadonlySet<number>
  leaving: ComputedRef<number | null>
  more: ComputedRef<boolean>
  /** Rows of every institution and modality seen so far: the choices of the filters. */
  seen: { modalities: Set<string>; institutions: Map<string, Row['institution']> }
  load(quiet?: boolean): Promise<void>
  /** Changes filters or search and loads; `quiet` keeps the rows until the answer is there. */
  filter(change: Partial<Filters>, quiet?: boolean): void
  loadMore(): Promise<void>
  choose(view: View): void
  select(id: number): void
  sortBy(column: Column): void
  move(step: number): Row | null
  neighbour(examId: number, step: 1 | -1): Row | null
  hold(ms: number): void
  row(examId: number): Row | undefined
  apply(row: Row): void
  start(): void
  stop(): void
}

const PAGE = 500
const MARK_MS = 6000
const COUNTS_MS = 500
/** Asking for counts is a look at the list and audited as one: not more often than this while much arrives. */
const COUNTS_PAUSE_MS = 3000

export function useWorklist(parts: WorklistParts): Worklist {
  const view = ref<View>('to_write')
  const filters = reactive<Filters>({ q: '', modality: '', institution: '', date_from: '', date_to: '' })
  const sort = ref<Sort>({ ...DEFAULT_SORT })
  const status = ref<'loading' | 'ready' | 'failed'>('loading')
  const problem = ref<Problem | null>(null)
  const counts = ref<Partial<Record<View, number>>>({})
  const known = shallowRef<ReadonlyMap<number, Row>>(new Map())
  const members = shallowRef<ReadonlySet<number>>(new Set())
  const selectedId = ref<number | null>(null)
  const marked = reactive(new Set<number>())
  const seen = reactive({ modalities: new Set<string>(), institutions: new Map<string, Row['institution']>() })
  const limit = ref(PAGE)
  const cut = ref(false)
  const frame = parts.frame ?? ((work: () => void) => void requestAnimationFrame(work))

  let turn = 0
  let since = 0
  let waiting: Row[] = []
  let heldUntil = 0
  let countsAt = 0
  let scheduled = false
  let countsTimer: ReturnType<typeof setTimeout> | null = null
  let reloadTimer: ReturnType<typeof setTimeout> | null = null
  let end: (() => void) | null = null

  const leaving = computed(() => (selectedId.value && known.value.has(selectedId.value) && !members.value.has(selectedId.value) ? selectedId.value : null))
  const rows = computed(() => {
    const shown: Row[] = []
    for (const id of members.value) {
      const row = known.value.get(id)
      if (row) shown.push(row)
    }
    const kept = leaving.value ? known.value.get(leaving.value) : undefined
    if (kept) shown.push(kept)
    return shown.sort(comparer(sort.value))
  })
  const selected = computed(() => (selectedId.value ? (known.value.get(selectedId.value) ?? null) : null))
  const filtered = computed(() => Boolean(filters.q || filters.modality || filters.institution || filters.date_from || filters.date_to))
  const total = computed(() => (filtered.value || !cut.value ? members.value.size : (counts.value[view.value] ?? members.value.size)))
  const statCount = computed(() => {
    let n = 0
    for (const id of members.value) {
      const row = known.value.get(id)
      if (row && row.priority === 'stat' && isOpen(row)) n += 1
    }
    return n
  })

  function query(): WorklistQuery {
    return { view: view.value, ...filters, limit: limit.value }
  }

  function notice(list: Iterable<Row>): void {
    for (const row of list) {
      if (row.modality) seen.modalities.add(row.modality)
      seen.institutions.set(row.institution.code, row.institution)
    }
  }

  async function load(quiet = false): Promise<void> {
    const mine = ++turn
    if (!quiet) status.value = 'loading'
    try {
      const page = await parts.fetch(query())
      if (mine !== turn) return
      notice(page.rows)
      const kept = new Map<number, Row>()
      const chosen = selectedId.value ? known.value.get(selectedId.value) : undefined
      if (quiet && chosen) kept.set(chosen.exam_id, chosen)
      known.value = merged(kept, page.rows)
      members.value = new Set(page.rows.map((row) => row.exam_id))
      if (!quiet && selectedId.value && !members.value.has(selectedId.value)) selectedId.value = null
      counts.value = page.counts
      cut.value = page.rows.length >= limit.value
      since = Math.max(since, page.seq)
      problem.value = null
      status.value = 'ready'
      flushWaiting()
    } catch (error) {
      if (mine !== turn) return
      problem.value = asProblem(error)
      if (!quiet || status.value !== 'ready') status.value = 'failed'
    }
  }

  async function loadMore(): Promise<void> {
    if (!cut.value || status.value !== 'ready') return
    limit.value += PAGE
    await load(true)
  }

  /** Live rows of one frame; the server's search and dates cannot be decided here, so those lists are asked for again. */
  function arrive(row: Row): void {
    waiting.push(row)
    if (scheduled) return
    scheduled = true
    const later = heldUntil - Date.now()
    if (later > 0) setTimeout(() => frame(flushWaiting), Math.min(later, 2000))
    else frame(flushWaiting)
  }

  function flushWaiting(): void {
    scheduled = false
    const batch = waiting
    if (!batch.length || status.value !== 'ready') return
    waiting = []
    notice(batch)
    const before = known.value
    const after = merged(before, batch)
    const inside = new Set(members.value)
    let ask = false
    for (const row of batch) {
      const old = before.get(row.exam_id)
      const now = after.get(row.exam_id)
      if (now !== row) continue
      if (old !== row && (!old || old.version !== row.version)) mark(row.exam_id)
      const fits = belongsTo(view.value, row) && (!filters.modality || row.modality === filters.modality) && (!filters.institution || row.institution.code === filters.institution)
      if (!fits) inside.delete(row.exam_id)
      else if (filters.q || filters.date_from || filters.date_to) ask ||= !inside.has(row.exam_id)
      else inside.add(row.exam_id)
      if (row.priority === 'stat' && isOpen(row) && row.stage !== 'in_review' && (!old || old.priority !== 'stat')) parts.alarm?.(row)
    }
    for (const id of after.keys()) if (!inside.has(id) && id !== selectedId.value) after.delete(id)
    known.value = after
    members.value = inside
    askCounts()
    if (ask) reloadSoon()
  }

  function mark(id: number): void {
    marked.add(id)
    setTimeout(() => marked.delete(id), MARK_MS)
  }

  function askCounts(): void {
    countsTimer ??= setTimeout(() => {
      countsTimer = null
      countsAt = Date.now()
      parts.fetch({ view: view.value, limit: 1 }).then(
        (page) => void (counts.value = page.counts),
        () => undefined,
      )
    }, Math.max(COUNTS_MS, countsAt + COUNTS_PAUSE_MS - Date.now()))
  }

  function reloadSoon(): void {
    reloadTimer ??= setTimeout(() => {
      reloadTimer = null
      void load(true)
    }, COUNTS_MS)
  }

  function choose(next: View): void {
    if (next === view.value && status.value === 'ready') return
    view.value = next
    limit.value = PAGE
    selectedId.value = null
    void load()
  }

  function filter(change: Partial<Filters>, quiet = false): void {
    Object.assign(filters, change)
    limit.value = PAGE
    void load(quiet)
  }

  function select(id: number): void {
    selectedId.value = id
  }

  function sortBy(column: Column): void {
    sort.value = sort.value.column === column ? { column, descending: !sort.value.descending } : { column, descending: column === 'waiting' || column === 'images' }
  }

  function move(step: number): Row | null {
    const list = rows.value
    if (!list.length) return null
    const at = list.findIndex((row) => row.exam_id === selectedId.value)
    const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, at + step))]
    if (next) selectedId.value = next.exam_id
    return next ?? null
  }

  function neighbour(examId: number, step: 1 | -1): Row | null {
    const list = rows.value
    const at = list.findIndex((row) => row.exam_id === examId)
    return at < 0 ? null : (list[at + step] ?? null)
  }

  function start(): void {
    end ??= parts.follow(arrive, () => since)
  }

  function stop(): void {
    end?.()
    end = null
    if (countsTimer) clearTimeout(countsTimer)
    if (reloadTimer) clearTimeout(reloadTimer)
    countsTimer = reloadTimer = null
  }

  return {
    view, filters, sort, status, problem, counts, rows, total, statCount, selectedId, selected, marked, leaving, seen,
    more: computed(() => cut.value),
    load, loadMore, filter, select, choose, sortBy, move, neighbour,
    hold: (ms) => void (heldUntil = Date.now() + ms),
    row: (id) => known.value.get(id),
    apply: arrive,
    start, stop,
  }
}
