import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { comparer, DEFAULT_SORT, merged, type Column } from '../order'
import { knownProblem, type Problem } from '../../desk/shell'
import type { Row, Stage, View, WorklistPage } from '../records'
import { belongsTo } from '../stages'
import { useWorklist } from './useWorklist'

const STAGES: Stage[] = ['booked', 'arriving', 'to_write', 'writing', 'to_review', 'in_review', 'returned', 'signed', 'cancelled']
const COLUMNS: Column[] = ['priority', 'stage', 'name', 'sex', 'age', 'institution', 'description', 'body_part', 'images', 'waiting']

let seed = 7
function random(below: number): number {
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed % below
}

function oneOf<T>(choices: readonly T[]): T {
  return choices[random(choices.length)] as T
}

function row(id: number, change: Partial<Row> = {}): Row {
  return {
    exam_id: id, version: 1, accession: `A${id}`, institution: { code: 'H01', name: '第一医院', name_en: 'First' },
    patient: { id: `p${id}`, patient_id: `P${id}`, name: '王小明', pinyin: 'wang xiao ming', sex: 'M', birth_date: '2023-09-01', age: { value: 3, unit: 'Y', months: 2, days: 1170 } },
    modality: 'CT', description: '头颅平扫', body_part: 'HEAD', exam_state: 'images_complete', report_state: null, stage: 'to_write', priority: 'routine',
    complex: false, scheduled: true, unscheduled_reason: null, study_uids: ['1.2.3'], images: 20, ordered_at: null, performed_at: null, arrived_at: null,
    waiting_since: '2026-11-23T01:00:00Z', report_id: null, author: null, reviewer: null, positive: null, mine: false, ...change,
  }
}

function anyRow(id: number): Row {
  const age = random(6000)
  return row(id, {
    stage: oneOf(STAGES),
    priority: oneOf(['stat', 'urgent', 'routine'] as const),
    modality: oneOf(['CT', 'MR', 'DX']),
    images: random(400),
    version: 1 + random(4),
    mine: random(4) === 0,
    scheduled: random(5) !== 0,
    waiting_since: random(6) ? new Date(1_795_000_000_000 + random(86_400_000)).toISOString() : null,
    patient: { ...row(0).patient, name: oneOf(['王小明', '李雷', '赵一', '单于兰', '']), sex: oneOf([null, 'M', 'F']), age: random(7) ? { value: 1, unit: 'Y', months: 0, days: age } : null },
  })
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('order of the worklist', () => {
  it('is total and stable for every column: any two shuffles sort the same', () => {
    for (const column of COLUMNS) {
      for (const descending of [true, false]) {
        const rows = Array.from({ length: 40 }, (_, i) => anyRow(i))
        const compare = comparer({ column, descending })
        const sorted = [...rows].sort(compare).map((r) => r.exam_id)
        const shuffled = [...rows].sort(() => random(3) - 1).sort(compare).map((r) => r.exam_id)
        expect(shuffled).toEqual(sorted)
        for (const a of rows) for (const b of rows) expect(Math.sign(compare(a, b))).toBe(-Math.sign(compare(b, a)) + 0)
      }
    }
  })

  it('puts waiting STAT cases on top in every order, and a signed STAT case nowhere special', () => {
    for (const column of COLUMNS) {
      const sorted = Array.from({ length: 60 }, (_, i) => anyRow(i)).sort(comparer({ column, descending: true }))
      const pinned = sorted.map((r) => r.priority === 'stat' && !['booked', 'signed', 'cancelled'].includes(r.stage))
      expect(pinned.lastIndexOf(true)).toBe(pinned.filter(Boolean).length - 1)
    }
  })

  it('shows the longest waiting first by default', () => {
    const rows = [row(1, { waiting_since: '2026-11-23T03:00:00Z' }), row(2, { waiting_since: null }), row(3, { waiting_since: '2026-11-23T01:00:00Z' })]
    expect(rows.sort(comparer(DEFAULT_SORT)).map((r) => r.exam_id)).toEqual([3, 1, 2])
  })
})

describe('merging of live rows', () => {
  it('ends at the highest version of every exam, whatever the order and however often rows come', () => {
    for (let round = 0; round < 50; round += 1) {
      const events = Array.from({ length: 30 }, () => anyRow(random(8)))
      const highest = new Map<number, number>()
      for (const e of events) highest.set(e.exam_id, Math.max(highest.get(e.exam_id) ?? 0, e.version))
      const shuffled = [...events].sort(() => random(3) - 1)
      const result = merged(merged(new Map(), shuffled), events)
      expect(new Map([...result].map(([id, r]) => [id, r.version]))).toEqual(highest)
    }
  })
})

function server(rows: Row[]) {
  const world = { rows, asked: [] as string[], fail: null as Problem | null, push: (_: Row): void => undefined, alarms: [] as number[] }
  const list = useWorklist({
    fetch: async (query): Promise<WorklistPage> => {
      world.asked.push(`${query.view} ${query.q ?? ''}`.trim())
      if (world.fail) throw world.fail
      const inView = world.rows.filter((r) => belongsTo(query.view, r) && (!query.q || r.patient.name.includes(query.q)))
      return { rows: inView.slice(0, query.limit), counts: { [query.view]: world.rows.filter((r) => belongsTo(query.view, r)).length }, seq: 10 }
    },
    follow: (onRow) => {
      world.push = onRow
      return () => undefined
    },
    alarm: (r) => world.alarms.push(r.exam_id),
    frame: (work) => void setTimeout(work, 16),
  })
  list.start()
  return { world, list }
}

describe('live worklist', () => {
  it('shows what the server would show, for every view and any stream of changes', async () => {
    for (const view of ['all', 'to_write', 'to_review', 'mine', 'stat', 'unscheduled', 'done'] as View[]) {
      const start = Array.from({ length: 25 }, (_, i) => anyRow(i))
      const { world, list } = server(start)
      list.choose(view)
      await vi.advanceTimersByTimeAsync(1)
      const truth = new Map(start.map((r) => [r.exam_id, r]))
      for (let i = 0; i < 40; i += 1) {
        const change = { ...anyRow(random(35)), version: 10 + i }
        truth.set(change.exam_id, change)
        world.rows = [...truth.values()]
        world.push(change)
        if (random(3) === 0) await vi.advanceTimersByTimeAsync(20)
      }
      await vi.advanceTimersByTimeAsync(700)
      const expected = [...truth.values()].filter((r) => belongsTo(view, r)).sort(comparer(DEFAULT_SORT))
      expect(list.rows.value.map((r) => `${r.exam_id}.${r.version}`)).toEqual(expected.map((r) => `${r.exam_id}.${r.version}`))
      expect(list.counts.value[view]).toBe(expected.length)
    }
  })

  it('keeps the selected row in sight when it leaves the view, until another is selected', async () => {
    const { world, list } = server([row(1), row(2)])
    await list.load()
    list.selectedId.value = 1
    world.push(row(1, { version: 2, stage: 'signed' }))
    await vi.advanceTimersByTimeAsync(20)
    expect(list.leaving.value).toBe(1)
    expect(list.rows.value.map((r) => r.exam_id).sort()).toEqual([1, 2])
    expect(list.selected.value?.stage).toBe('signed')
    list.selectedId.value = 2
    expect(list.rows.value.map((r) => r.exam_id)).toEqual([2])
  })

  it('waits with a new order while the pointer moves over the rows, but not for ever', async () => {
    const { world, list } = server([row(1)])
    await list.load()
    list.hold(700)
    world.push(row(0, { priority: 'stat' }))
    await vi.advanceTimersByTimeAsync(600)
    expect(list.rows.value).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(list.rows.value.map((r) => r.exam_id)).toEqual([0, 1])
    expect(world.alarms).toEqual([0])
  })

  it('sounds once for a STAT case, not again at its next change and not for those of the first load', async () => {
    const { world, list } = server([row(1, { priority: 'stat' })])
    await list.load()
    world.push(row(1, { priority: 'stat', version: 2, images: 30 }))
    world.push(row(2, { priority: 'stat' }))
    await vi.advanceTimersByTimeAsync(20)
    world.push(row(2, { priority: 'stat', version: 2 }))
    await vi.advanceTimersByTimeAsync(20)
    expect(world.alarms).toEqual([2])
  })

  it('asks the server again when a new row comes while a search is on', async () => {
    const { world, list } = server([row(1)])
    list.filter({ q: '李' })
    await vi.advanceTimersByTimeAsync(1)
    expect(list.rows.value).toEqual([])
    const change = row(9, { patient: { ...row(9).patient, name: '李雷' } })
    world.rows.push(change)
    world.push(change)
    await vi.advanceTimersByTimeAsync(600)
    expect(list.rows.value.map((r) => r.exam_id)).toEqual([9])
  })

  it('marks changed rows for six seconds', async () => {
    const { world, list } = server([row(1)])
    await list.load()
    world.push(row(1, { version: 2 }))
    await vi.advanceTimersByTimeAsync(20)
    expect([...list.marked]).toEqual([1])
    await vi.advanceTimersByTimeAsync(6100)
    expect([...list.marked]).toEqual([])
  })

  it('tells a failure in the words of the service and keeps rows on a quiet reload', async () => {
    const { world, list } = server([row(1)])
    world.fail = knownProblem('service.failed', 503)
    await list.load()
    expect(list.status.value).toBe('failed')
    world.fail = null
    await list.load()
    world.fail = knownProblem('network.down')
    await list.load(true)
    expect(list.status.value).toBe('ready')
    expect(list.rows.value).toHaveLength(1)
  })
})
