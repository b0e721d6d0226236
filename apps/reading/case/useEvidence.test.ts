import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { Problem } from '../../desk/shell'
import type { Viewer } from '../../viewer/api'
import type { Evidence, SeriesSummary } from '../records'
import { useEvidence } from './useEvidence'

const SERIES = { series_uid: '1.9', modality: 'SEG' } as unknown as SeriesSummary
const DATA = { objects: [], layers: [], shapes: [{ kind: 'mask' }], shown_on: [{ series: '1.1', images: 3, index: 4 }], window: null, warnings: [] } as unknown as Evidence

/** A service that is away until it is told otherwise, and a viewer at an image. */
function bench() {
  const world = { status: 503, asked: 0, index: 0, shown: [] as string[], overlays: [] as unknown[] }
  const viewer = {
    state: () => ({ study: '1', series: '1.1', index: world.index }),
    setOverlay: (overlay: unknown) => void (overlay && world.overlays.push(overlay)),
    setOverlayLook: () => undefined,
  } as unknown as Viewer
  const evidence = useEvidence({
    records: {
      evidence: () => {
        world.asked += 1
        return world.status === 200 ? Promise.resolve(DATA) : Promise.reject(new Problem(world.status, 'x', { zh: { title: '', action: '' }, en: { title: '', action: '' } }))
      },
    },
    viewer: () => viewer,
    show: (_study, series, index) => world.shown.push(`${series} ${index}`),
    mark: () => undefined,
  })
  return { world, evidence }
}

const rest = (ms: number): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('what others drew, while its service is away', () => {
  it('says so as long as it lasts, and comes by itself', async () => {
    const { world, evidence } = bench()
    await evidence.open('1', SERIES)
    expect(evidence.chosen.value?.problem?.status).toBe(503)
    await rest(10_000)
    expect([world.asked, evidence.chosen.value?.problem?.status]).toEqual([2, 503])
    world.status = 200
    await rest(10_000)
    expect([evidence.chosen.value?.problem, evidence.drawn.value, evidence.apart.value]).toEqual([null, true, false])
    expect([world.shown, world.overlays.length]).toEqual([['1.1 4'], 1])
    await rest(60_000)
    expect(world.asked).toBe(3)
  })

  it('takes no reader away from another image when it comes late', async () => {
    const { world, evidence } = bench()
    await evidence.open('1', SERIES)
    Object.assign(world, { status: 200, index: 7 })
    await rest(10_000)
    expect([world.shown, world.overlays.length, evidence.apart.value]).toEqual([[], 1, true])
    evidence.arrive()
    expect([world.shown, evidence.apart.value]).toEqual([['1.1 4'], false])
  })

  it('is not asked for again once it is closed or refused', async () => {
    const { world, evidence } = bench()
    await evidence.open('1', SERIES)
    evidence.close()
    await rest(60_000)
    expect(world.asked).toBe(1)
    world.status = 403
    await evidence.open('1', SERIES)
    await rest(60_000)
    expect([world.asked, evidence.chosen.value?.problem?.status]).toEqual([2, 403])
  })
})
