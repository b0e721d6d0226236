import { describe, expect, it } from 'vitest'

import { alike } from './alike'
import { History } from './history'
import type { Measurement } from './measurements'

function length(id: string, x = 10, more: Partial<Measurement> = {}): Measurement {
  return { id, kind: 'length', study: '1', series: '1.1', sop_uid: '1.1.7', frame: 0, index: 6, points: [[x, 20], [60, 20]], value: 35, unit: 'mm', author: 'a', created: `2026-01-01T00:00:0${id}`, ...more }
}

const ids = (list: Measurement[] | null): string[] | undefined => list?.map((one) => one.id).sort()

describe('alike', () => {
  it('is about what a hand drew, not about what was computed or recorded', () => {
    const one = length('1')
    expect(alike(one, { ...one, value: null, unit: '', index: 9, author: 'b', created: '', stats: { mean: 1, sd: 1, min: 0, max: 2, count: 4 } })).toBe(true)
    expect(alike(one, { ...one, points: [[10.001, 20], [60, 20]] })).toBe(true)
    expect(alike(one, { ...one, points: [[10.01, 20], [60, 20]] })).toBe(false)
    expect(alike(one, { ...one, sop_uid: '1.1.8' })).toBe(false)
    expect(alike(one, { ...one, frame: 1 })).toBe(false)
    expect(alike(one, { ...one, text: 'new' } as Measurement)).toBe(false)
  })

  it('knows a drawing again on the plane beside it, and another place within the plane as another one', () => {
    const plane = { origin: [0, 0, 10], row: [1, 0, 0], column: [0, 1, 0], spacing: [0.5, 0.5] as [number, number] }
    const one = length('1', 10, { sop_uid: '', plane, frame: 3 })
    // half a step deeper, and the picture begins 5 mm further left and 2 mm further up: the same mm within the plane
    const beside = { ...one, frame: 4, plane: { ...plane, origin: [-5, -2, 10.4] }, points: [[20, 24], [70, 24]] as [number, number][] }
    expect(alike(one, beside)).toBe(true)
    expect(alike(one, { ...beside, points: [[21, 24], [70, 24]] })).toBe(false)
    expect(alike(one, length('1'))).toBe(false)
  })
})

describe('history', () => {
  it('takes back what was drawn here, and never what others did', () => {
    const history = new History()
    history.reset([length('1')])
    history.note([length('1'), length('2')])
    history.amend([length('3'), length('1', 15)], new Set(['1', '3']))
    const undone = history.undo()
    expect(ids(undone)).toEqual(['1', '3'])
    expect(undone?.find((one) => one.id === '1')?.points[0]).toEqual([15, 20])
    history.amend([], new Set(['3']))
    expect(ids(history.redo())).toEqual(['1', '2'])
    expect(history.redo()).toBeNull()
  })

  it('takes no step for values that were computed later, and none out of the case', () => {
    const history = new History()
    history.reset([length('1', 10, { value: null })])
    history.note([length('1', 10, { value: 35 })])
    expect(history.undo()).toBeNull()
    history.note([length('1', 12)])
    history.reset([])
    expect(history.undo()).toBeNull()
    expect(history.redo()).toBeNull()
  })
})
