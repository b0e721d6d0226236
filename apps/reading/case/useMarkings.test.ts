import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ref } from 'vue'

import type { Me } from '../../desk/shell'
import { Problem } from '../../desk/shell'
import type { Measurement } from '../../viewer/api'
import { memoryStore } from '../keptStore'
import type { Marking } from '../records'
import { useMarkings, type KeptMarkings, type MarkingViewer } from './useMarkings'

const WORDS = { zh: { title: '', action: '' }, en: { title: '', action: '' } }
const ONE = { exam_id: 1, study_uids: ['1'] }
const TWO = { exam_id: 2, study_uids: ['2'] }

function length(id: string, study = '1', x = 10, more: Partial<Measurement> = {}): Measurement {
  return { id, kind: 'length', study, series: `${study}.1`, sop_uid: '7', frame: 0, index: 6, points: [[x, 20], [60, 20]], value: 35, unit: 'mm', author: 'me', created: `2026-01-01T0${id}`, ...more }
}

function marking(measurement: Measurement, more: Partial<Marking> = {}): Marking {
  const person = { username: 'other', name: '别人' }
  return { id: measurement.id, version: 1, measurement, author: person, changed_by: person, created_at: '', updated_at: '', removed: false, changeable: false, ...more }
}

/** A viewer that holds a list and tells of changes by itself, as the real one does; it cannot draw kinds it does not know. */
function bench(operations = ['marking.edit'], kept = memoryStore<KeptMarkings>()) {
  const rows = new Map<number, Marking[]>()
  const world = { rows, drawn: [] as Measurement[], resets: 0, sent: [] as string[], told: [] as unknown[], away: new Map<number, number>(), live: (_: Marking): void => undefined, refuse: null as Problem | null }
  const can = (one: Measurement): boolean => ['length', 'probe'].includes(one.kind)
  const viewer: MarkingViewer = {
    measurements: () => [...world.drawn],
    setMeasurements: (list) => {
      world.resets += 1
      world.drawn = list.filter(can)
    },
    mergeMeasurements: (changed, gone) => {
      const ids = new Set([...gone, ...changed.map((one) => one.id)])
      world.drawn = [...world.drawn.filter((one) => !ids.has(one.id)), ...changed.filter(can)]
      setTimeout(() => markings.changed(world.drawn), 16) // with the next frame
    },
    removeMeasurement: (id) => hand(world.drawn.filter((one) => one.id !== id)),
  }
  const markings = useMarkings({
    records: {
      markings: async (exam) => {
        const away = world.away.get(exam)
        if (away) throw new Problem(away, 'x', WORDS)
        return rows.get(exam) ?? []
      },
      putMarking: async (exam, id, version, measurement) => {
        if (world.refuse) throw world.refuse
        world.sent.push(`put ${exam} ${id} v${version ?? '-'}`)
        return marking(measurement, { version: (version ?? 0) + 1, author: { username: 'me', name: '我' }, changeable: true })
      },
      removeMarking: async (exam, id, version) => {
        world.sent.push(`remove ${exam} ${id} v${version ?? '-'}`)
        return marking(length(id), { version: (version ?? 0) + 1, removed: true, changeable: true })
      },
    },
    kept,
    me: ref({ username: 'me', name: '我', operations } as unknown as Me),
    viewer: () => viewer,
    follow: (tell) => {
      world.live = tell
      return () => undefined
    },
    tell: (what) => void world.told.push(what instanceof Problem ? what.code : what),
  })
  /** The doctor's hand: what is on the images now. */
  function hand(list: Measurement[]): void {
    world.drawn = list
    markings.changed(list)
  }
  return { world, markings, hand, ids: () => world.drawn.map((one) => one.id).sort() }
}

const rest = (ms = 1000): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

describe('markings of a case', () => {
  it('draws what ris has, lists it with author, and saves only what a hand changed', async () => {
    const { world, markings, hand, ids } = bench()
    world.rows.set(1, [marking(length('a')), marking(length('x', '1', 5, { kind: 'later' as 'length' }), { changeable: true }), marking(length('r'), { removed: true })])
    markings.open(ONE)
    expect(markings.status.value).toBe('loading')
    await rest()
    expect(ids()).toEqual(['a'])
    expect(markings.list.value.map((one) => [one.measurement.id, one.author?.name, one.changeable, one.saved])).toEqual([['a', '别人', false, true], ['x', '别人', true, true]])
    // pixels come: another value of the same drawing is no change, and a kind this viewer cannot draw is not removed
    hand([{ ...length('a'), value: 36 }])
    await rest()
    expect(world.sent).toEqual([])
    hand([length('a'), length('b')])
    expect(markings.list.value.find((one) => one.measurement.id === 'b')).toMatchObject({ saved: false, changeable: true, author: { name: '我' } })
    await rest()
    expect(world.sent).toEqual(['put 1 b v-'])
    expect(markings.list.value.find((one) => one.measurement.id === 'b')?.saved).toBe(true)
  })

  it('leaves nothing of a case in the viewer, and still saves its last drawing', async () => {
    const { world, markings, hand, ids } = bench()
    world.rows.set(2, [marking(length('q', '2'))])
    markings.open(ONE)
    await rest()
    hand([length('a')])
    world.drawn = [length('a'), length('b')] // drawn in this very frame: the viewer has not said so yet
    markings.open(TWO)
    expect(world.drawn).toEqual([])
    markings.changed([]) // what the viewer says of its being emptied
    await rest()
    expect(world.sent.sort()).toEqual(['put 1 a v-', 'put 1 b v-'])
    expect(ids()).toEqual(['q'])
    expect(markings.list.value.map((one) => one.measurement.id)).toEqual(['q'])
    markings.close()
    expect(world.drawn).toEqual([])
    expect(markings.list.value).toEqual([])
    await rest()
    expect(world.sent).toHaveLength(2)
  })

  it('an answer that comes after the case was left draws nothing', async () => {
    const { world, markings, hand, ids } = bench()
    world.rows.set(1, [marking(length('a'))])
    world.refuse = new Problem(0, 'network.down', WORDS)
    markings.open(ONE)
    hand([length('b')])
    markings.open(TWO)
    await rest()
    expect(ids()).toEqual([])
    expect(markings.save.value.kind).toBe('kept')
    markings.open(ONE)
    await rest()
    expect(ids()).toEqual(['a', 'b'])
  })

  it('takes over live what others do, but not over what is being drawn here', async () => {
    const { world, markings, hand, ids } = bench()
    world.rows.set(1, [marking(length('a'), { changeable: true })])
    markings.open(ONE)
    await rest()
    hand([length('a', '1', 30), length('n')])
    world.live(marking(length('a', '1', 99), { version: 2, changeable: true }))
    world.live(marking(length('o')))
    world.live(marking(length('elsewhere', '3')))
    expect(ids()).toEqual(['a', 'n', 'o'])
    expect(world.drawn.find((one) => one.id === 'a')?.points[0]).toEqual([30, 20])
    world.live(marking(length('o'), { version: 2, removed: true }))
    world.live(marking(length('o'), { version: 1 })) // told late
    expect(ids()).toEqual(['a', 'n'])
  })

  it('shows another doctor\'s drawing where it was when somebody may not move or remove it', async () => {
    const { world, markings, hand } = bench()
    world.rows.set(1, [marking(length('a'))])
    markings.open(ONE)
    await rest()
    hand([length('a', '1', 44)])
    expect(world.drawn[0]?.points[0]).toEqual([10, 20])
    hand([])
    expect(world.drawn.map((one) => one.id)).toEqual(['a'])
    await rest()
    expect(world.sent).toEqual([])
    expect(world.told).toEqual(['theirs', 'theirs'])
  })

  it('saves drawings on a prior to the prior\'s exam, once it is beside the case', async () => {
    const { world, markings, hand, ids } = bench()
    world.rows.set(2, [marking(length('p', '2'))])
    markings.open(ONE)
    await rest()
    markings.prior(TWO)
    await rest()
    expect(ids()).toEqual(['p'])
    hand([length('p', '2'), length('n', '2')])
    await rest()
    expect(world.sent).toEqual(['put 2 n v-'])
    hand([length('p', '2'), length('n', '2'), length('k', '77')])
    await rest()
    expect(world.sent).toHaveLength(1)
  })

  it('brings back what was removed, from the version of the removal', async () => {
    const { world, markings, hand, ids } = bench()
    markings.open(ONE)
    await rest()
    hand([length('a')])
    await rest()
    markings.remove('a')
    await rest()
    expect(ids()).toEqual([])
    markings.restore(length('a'))
    await rest()
    expect(ids()).toEqual(['a'])
    expect(world.sent).toEqual(['put 1 a v-', 'remove 1 a v1', 'put 1 a v2'])
  })

  it('finds what an earlier page could not send, draws it, and sends it', async () => {
    const kept = memoryStore<KeptMarkings>()
    await kept.put({ key: 'me 1', username: 'me', exam: 1, changes: [{ exam: 1, id: 'a', version: null, measurement: length('a'), tried: true }] })
    await kept.put({ key: 'you 1', username: 'you', exam: 1, changes: [{ exam: 1, id: 'z', version: null, measurement: length('z'), tried: true }] })
    const { world, markings, ids } = bench(undefined, kept)
    markings.open(ONE)
    await rest()
    expect(ids()).toEqual(['a'])
    expect(world.sent).toEqual(['put 1 a v-'])
    expect((await kept.all()).map((one) => one.key)).toEqual(['you 1'])
  })

  it('who may not mark measures for himself only, and is told what ris refuses', async () => {
    const reader = bench([])
    reader.markings.open(ONE)
    await rest()
    reader.hand([length('a')])
    await rest()
    expect(reader.world.sent).toEqual([])
    const doctor = bench()
    doctor.world.refuse = new Problem(422, 'marking.study', WORDS)
    doctor.markings.open(ONE)
    await rest()
    doctor.hand([length('a')])
    await rest()
    expect(doctor.world.told).toEqual(['marking.study'])
    expect(doctor.markings.list.value[0]?.problem?.code).toBe('marking.study')
    expect(doctor.ids()).toEqual(['a'])
  })
})

describe('markings that could not be had', () => {
  it('of the case or of a prior are said to be missing and come by themselves; those of a prior not for this reader are none', async () => {
    const { world, markings, ids } = bench()
    world.rows.set(1, [marking(length('a'))])
    world.rows.set(2, [marking(length('b', '2'))])
    world.away.set(1, 503).set(2, 503)
    markings.open(ONE)
    markings.prior(TWO)
    await rest(1)
    expect([markings.status.value, markings.problem.value?.status, ids()]).toEqual(['failed', 503, []])
    world.away.delete(1)
    await rest(10_000)
    expect([markings.status.value, ids()]).toEqual(['failed', ['a']])
    world.away.delete(2)
    await rest(10_100)
    expect([markings.status.value, markings.problem.value, ids()]).toEqual(['ready', null, ['a', 'b']])
    markings.close()
    world.away.set(2, 403)
    markings.open(ONE)
    markings.prior(TWO)
    await rest(1)
    expect([markings.status.value, ids()]).toEqual(['ready', ['a']])
  })

  it('hide none that was drawn while ris was away: it is there when the case is opened again', async () => {
    const { world, markings, hand, ids } = bench()
    markings.open(ONE)
    await rest(1)
    world.refuse = new Problem(503, 'x', WORDS)
    world.away.set(1, 503)
    hand([length('a')])
    await rest()
    markings.close()
    expect(ids()).toEqual([])
    markings.open(ONE)
    await rest(1)
    expect([markings.status.value, ids(), markings.list.value.map(({ saved }) => saved)]).toEqual(['failed', ['a'], [false]])
    world.refuse = null
    world.away.clear()
    await rest(10_000)
    expect([markings.status.value, ids(), world.sent, markings.list.value.map(({ saved }) => saved)]).toEqual(['ready', ['a'], ['put 1 a v-'], [true]])
  })
})
