import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { knownProblem, Problem } from '../../desk/shell'
import type { Measurement } from '../../viewer/api'
import type { Marking } from '../records'
import { MarkingSave, type Change } from './markingSave'
import type { OutboxState } from './outbox'

const WORDS = { zh: { title: '', action: '' }, en: { title: '', action: '' } }

export function length(id: string, x = 10, more: Partial<Measurement> = {}): Measurement {
  return { id, kind: 'length', study: '1', series: '1.1', sop_uid: '1.1.7', frame: 0, index: 6, points: [[x, 20], [60, 20]], value: 35, unit: 'mm', author: 'me', created: '2026-01-01', ...more }
}

/** A record with versions, as ris keeps it (independent of the code under test), and a local store; both can be told to fail. */
function bench() {
  const rows = new Map<string, { version: number; measurement: Measurement; removed: boolean }>()
  const world = { rows, log: [] as string[], states: [] as OutboxState['kind'][], local: new Map<number, Change[]>(), overtaken: [] as [string, string | null][], refused: [] as string[], fail: null as Problem | null, loseAnswer: false, delay: 0 }
  const marking = (id: string): Marking => {
    const row = rows.get(id) as { version: number; measurement: Measurement; removed: boolean }
    return { id, ...row, author: { username: 'me', name: '' }, changed_by: { username: 'me', name: '' }, created_at: '', updated_at: '2026-11-23T01:05:12Z', changeable: true }
  }
  const saver = new MarkingSave({
    write: async ({ id, version, measurement }) => {
      if (world.delay) await new Promise((resolve) => setTimeout(resolve, world.delay))
      if (world.fail) throw world.fail
      world.log.push(`${measurement ? `put ${id} ${measurement.points[0]?.[0]}` : `remove ${id}`} v${version ?? '-'}`)
      const row = rows.get(id)
      if (!row && !measurement) throw new Problem(404, 'row.not_found', WORDS)
      if (row && version !== null && version !== row.version) throw new Problem(409, 'row.version', WORDS, { current: marking(id) })
      if (row && version === null && measurement && JSON.stringify(measurement) !== JSON.stringify(row.measurement)) throw new Problem(409, 'row.version', WORDS, { current: marking(id) })
      rows.set(id, { version: (row?.version ?? 0) + 1, measurement: measurement ?? (row as { measurement: Measurement }).measurement, removed: measurement === null })
      if (world.loseAnswer) throw knownProblem('network.down')
      return marking(id)
    },
    keep: async (exam, changes) => void (changes.length ? world.local.set(exam, changes) : world.local.delete(exam)),
    settled: () => undefined,
    overtaken: (change, _, copy) => world.overtaken.push([change.id, copy?.id ?? null]),
    refused: (change) => world.refused.push(change.id),
    changed: (state) => world.states.push(state.kind),
    retries: [1000, 2000],
  })
  return { world, saver }
}

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('saving markings', () => {
  it('sends the last of many moves, within a second of it, and then forgets the local copy', async () => {
    const { world, saver } = bench()
    for (const x of [10, 11, 12]) {
      saver.change(7, 'a', null, length('a', x))
      await vi.advanceTimersByTimeAsync(300)
    }
    expect(world.log).toEqual([])
    expect(world.local.get(7)?.[0]?.measurement?.points[0]).toEqual([12, 20])
    await vi.advanceTimersByTimeAsync(700)
    expect(world.log).toEqual(['put a 12 v-'])
    expect(world.local.size).toBe(0)
    expect(saver.state).toEqual({ kind: 'saved', at: '2026-11-23T01:05:12Z' })
  })

  it('sends one after the other in the order of drawing, and a long drag holds back no other', async () => {
    const { world, saver } = bench()
    world.delay = 100
    saver.change(7, 'a', null, length('a'))
    saver.change(7, 'b', null, length('b'))
    await vi.advanceTimersByTimeAsync(400)
    for (let n = 0; n < 20; n += 1) {
      saver.change(7, 'c', null, length('c', n))
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(world.log).toEqual(['put a 10 v-', 'put b 10 v-'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(world.log.slice(2)).toEqual(['put c 19 v-'])
  })

  it('goes on from the version of the answer when it was moved while it was sent', async () => {
    const { world, saver } = bench()
    world.delay = 400
    saver.change(7, 'a', null, length('a', 1))
    await vi.advanceTimersByTimeAsync(700)
    saver.change(7, 'a', null, length('a', 2))
    await vi.advanceTimersByTimeAsync(3000)
    saver.change(7, 'a', 2, null)
    await vi.advanceTimersByTimeAsync(3000)
    expect(world.log).toEqual(['put a 1 v-', 'put a 2 v1', 'remove a v2'])
    expect(world.rows.get('a')?.removed).toBe(true)
  })

  it('tells ris nothing of what was drawn and taken back at once', async () => {
    const { world, saver } = bench()
    saver.change(7, 'a', null, length('a'))
    saver.change(7, 'a', null, null)
    await vi.advanceTimersByTimeAsync(2000)
    expect(world.log).toEqual([])
    expect(world.local.size).toBe(0)
    expect(saver.state.kind).toBe('clean')
  })

  it('keeps what an unreachable server did not take, says so, and sends it when the link is back', async () => {
    const { world, saver } = bench()
    world.fail = knownProblem('network.down')
    saver.change(7, 'a', null, length('a'))
    saver.change(8, 'b', 3, null)
    await vi.advanceTimersByTimeAsync(5000)
    expect(saver.state.kind).toBe('kept')
    expect([...world.local.keys()].sort()).toEqual([7, 8])
    world.fail = null
    world.rows.set('b', { version: 3, measurement: length('b'), removed: false })
    saver.reconnected()
    await vi.advanceTimersByTimeAsync(100)
    expect(world.log).toEqual(['put a 10 v-', 'remove b v3'])
    expect(world.local.size).toBe(0)
  })

  it('finds its own words again when only the answer was lost, and goes on from there', async () => {
    const { world, saver } = bench()
    world.loseAnswer = true
    saver.change(7, 'a', null, length('a', 1))
    await vi.advanceTimersByTimeAsync(600)
    world.loseAnswer = false
    saver.change(7, 'a', null, length('a', 2))
    await vi.advanceTimersByTimeAsync(4000)
    expect(world.rows.get('a')).toMatchObject({ version: 2, measurement: { points: [[2, 20], [60, 20]] } })
    expect(world.overtaken).toEqual([])
    expect(world.rows.size).toBe(1)
  })

  it('takes a removal back to ris although nobody knows whether the drawing ever arrived', async () => {
    const { world, saver } = bench()
    world.fail = knownProblem('network.down')
    saver.change(7, 'a', null, length('a'))
    await vi.advanceTimersByTimeAsync(600)
    world.fail = null
    saver.change(7, 'a', null, null)
    await vi.advanceTimersByTimeAsync(3000)
    expect(world.log).toEqual(['remove a v-'])
    expect(saver.state.kind).toBe('clean')
    expect(world.local.size).toBe(0)
  })

  it('keeps both where two hands moved the same one', async () => {
    const { world, saver } = bench()
    world.rows.set('a', { version: 4, measurement: length('a', 99), removed: false })
    saver.change(7, 'a', 3, length('a', 5))
    await vi.advanceTimersByTimeAsync(3000)
    expect(world.rows.get('a')).toMatchObject({ version: 4, measurement: { points: [[99, 20], [60, 20]] } })
    const copy = world.overtaken[0]?.[1] as string
    expect(world.overtaken).toEqual([['a', copy]])
    expect(world.rows.get(copy)?.measurement).toMatchObject({ id: copy, points: [[5, 20], [60, 20]] })
    saver.change(7, 'a', 2, null)
    await vi.advanceTimersByTimeAsync(3000)
    expect(world.rows.get('a')?.removed).toBe(false)
    expect(world.overtaken[1]).toEqual(['a', null])
    expect(saver.state.kind).toBe('saved')
  })

  it('says what ris refuses, keeps a new drawing, and goes on with the others', async () => {
    const { world, saver } = bench()
    world.fail = new Problem(403, 'right.missing', WORDS)
    saver.change(7, 'a', null, length('a'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(world.refused).toEqual(['a'])
    expect(saver.state.kind).toBe('refused')
    expect(saver.problemOf(7, 'a')?.code).toBe('right.missing')
    expect(world.local.get(7)?.map((one) => one.id)).toEqual(['a'])
    world.fail = null
    saver.change(7, 'b', null, length('b'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(world.log).toEqual(['put b 10 v-'])
    expect(saver.state.kind).toBe('refused')
    saver.change(7, 'a', null, null)
    await vi.advanceTimersByTimeAsync(1000)
    expect(saver.state.kind).toBe('saved')
    expect(world.local.size).toBe(0)
  })

  it('takes over what an earlier page left, without repeating what is newer here', async () => {
    const { world, saver } = bench()
    saver.change(7, 'a', null, length('a', 2))
    saver.adopt([{ exam: 7, id: 'a', version: null, measurement: length('a', 1), tried: true }, { exam: 9, id: 'z', version: null, measurement: length('z'), tried: true }])
    expect(await saver.flush()).toBe(true)
    expect(world.log.sort()).toEqual(['put a 2 v-', 'put z 10 v-'])
  })
})
