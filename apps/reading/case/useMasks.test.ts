import { beforeEach, describe, expect, it, vi } from 'vitest'
import { nextTick, ref } from 'vue'

import { Problem, type Api } from '../../desk/shell'
import type { Viewer, ViewerState } from '../../viewer/api'
import { useMasks, type Masks } from './useMasks'

const content = (kind: string): ArrayBuffer => new TextEncoder().encode(kind).buffer as ArrayBuffer

/** The masks service: each job is done at the second question after it. */
class Service {
  readonly asked: { url: string; body: unknown }[] = []
  readonly dropped: string[] = []
  private rounds = 0
  constructor(private readonly end: 'done' | 'failed' | 'never' | 'forgotten' = 'done') {}

  readonly api = {
    post: (url: string, body: { kind: string }) => {
      this.asked.push({ url, body })
      return Promise.resolve({ id: body.kind, kind: body.kind, state: 'queued', percent: 0 })
    },
    get: (url: string) => {
      this.rounds += 1
      if (this.end === 'forgotten' && this.asked.length === 1) return Promise.reject(new Problem(404, 'x', { zh: { title: '', action: '' }, en: { title: '', action: '' } }))
      const state = this.end === 'never' || this.rounds % 2 === 1 ? 'running' : this.end === 'forgotten' ? 'done' : this.end
      const words = { title: '此序列不能去骨', action: '请选择CT' }
      return Promise.resolve({ id: url.split('/').pop(), state, percent: 40, ...(state === 'failed' ? { problem: { code: 'mask.failed', words: { zh: words, en: words } } } : {}) })
    },
    delete: (url: string) => {
      this.dropped.push(url)
      return Promise.resolve()
    },
    raw: (_method: string, url: string) => Promise.resolve(new Response(content(url.split('/').at(-2) ?? ''))),
  } as unknown as Api
}

function desk(service: Service): { masks: Masks; shown: string[][]; state: ReturnType<typeof ref<Partial<ViewerState>>> } {
  const state = ref<Partial<ViewerState>>({ study: '1.2', series: '1.3', point: [1, 2, 3] })
  const shown: string[][] = []
  const viewer = { state: () => state.value, setMasks: (list: ArrayBuffer[]) => shown.push(list.map((one) => new TextDecoder().decode(one))) } as unknown as Viewer
  return { masks: useMasks(service.api, () => viewer, () => state.value as ViewerState), shown, state }
}

const settled = async (work: Promise<void>): Promise<void> => {
  await vi.runAllTimersAsync()
  await work
}

beforeEach(() => void vi.useFakeTimers())

describe('bone and table out of the planes of a series', () => {
  it('asks, follows, shows both together, and takes each back', async () => {
    const service = new Service()
    const { masks, shown } = desk(service)
    await settled(masks.toggle('bone'))
    await settled(masks.toggle('table'))
    expect(service.asked.map(({ url }) => url)).toEqual(Array(2).fill('/services/masks/api/v1/studies/1.2/series/1.3/masks'))
    await settled(masks.toggle('bone'))
    expect(shown).toEqual([['bone'], ['table', 'bone'], ['table']])
    expect(masks.on.value).toEqual(['table'])
    expect(masks.busy.value).toBeNull()
  })

  it('sends the place all views show as a touch, and takes the last one back', async () => {
    const service = new Service()
    const { masks, state } = desk(service)
    await settled(masks.touch('keep'))
    expect(service.asked).toEqual([]) // nothing is removed yet
    await settled(masks.toggle('bone'))
    await settled(masks.touch('keep'))
    state.value = { ...state.value, point: [7, 8, 9] }
    await settled(masks.touch('remove'))
    expect(service.asked.at(-1)?.body).toEqual({ kind: 'bone', keep: [[1, 2, 3]], remove: [[7, 8, 9]] })
    expect(masks.touches.value).toBe(2)
    await settled(masks.untouch())
    expect(service.asked.at(-1)?.body).toEqual({ kind: 'bone', keep: [[1, 2, 3]], remove: [] })
  })

  it('puts bone back and takes it out again as it was, with its touches and without asking anew', async () => {
    const service = new Service()
    const { masks, shown } = desk(service)
    await settled(masks.toggle('bone'))
    await settled(masks.touch('keep'))
    const asked = service.asked.length
    await settled(masks.toggle('bone'))
    expect([masks.on.value, shown.at(-1)]).toEqual([[], []])
    await settled(masks.toggle('bone'))
    expect([masks.on.value, shown.at(-1), masks.touches.value, service.asked.length]).toEqual([['bone'], ['bone'], 1, asked])
  })

  it('puts back what the viewer still takes out of a study that is opened again', async () => {
    const { masks, shown, state } = desk(new Service())
    await settled(masks.toggle('table'))
    state.value = { study: '9.9', series: '9.8', point: null, removed: [] }
    await nextTick()
    state.value = { study: '1.2', series: '1.3', point: null, removed: ['table'] }
    await nextTick()
    expect(masks.on.value).toEqual([])
    expect(shown.at(-1)).toEqual([])
  })

  it('says why it failed and takes nothing out', async () => {
    const { masks, shown, state } = desk(new Service('failed'))
    await settled(masks.toggle('bone'))
    expect(masks.problem.value).toBeInstanceOf(Problem)
    expect(masks.problem.value?.words.zh.title).toBe('此序列不能去骨')
    expect([masks.on.value, shown, masks.busy.value]).toEqual([[], [], null])
    state.value = { ...state.value, series: '1.4' }
    await nextTick()
    expect(masks.problem.value).toBeNull() // of the other series
  })

  it('asks anew, once, where the service was started anew and knows nothing of the job', async () => {
    const service = new Service('forgotten')
    const { masks, shown } = desk(service)
    await settled(masks.toggle('table'))
    expect([service.asked.length, masks.problem.value, masks.on.value, shown.at(-1)]).toEqual([2, null, ['table'], ['table']])
  })

  it('cancels: the service is told, nothing is shown and nothing is wrong', async () => {
    const service = new Service('never')
    const { masks, shown } = desk(service)
    const work = masks.toggle('bone')
    await vi.advanceTimersByTimeAsync(1000)
    expect(masks.busy.value).toEqual({ kind: 'bone', percent: 40 })
    masks.cancel()
    await settled(work)
    expect(service.dropped).toEqual(['/services/masks/api/v1/studies/1.2/series/1.3/masks/bone'])
    expect([masks.problem.value, masks.busy.value, shown]).toEqual([null, null, []])
  })

  it('begins anew with another study, and never shows a mask on another series', async () => {
    const service = new Service()
    const { masks, shown, state } = desk(service)
    const work = masks.toggle('table')
    state.value = { ...state.value, series: '1.4' }
    await settled(work)
    expect(shown).toEqual([])
    state.value = { study: '9.9', series: '9.8', point: null }
    await nextTick()
    expect(masks.on.value).toEqual([])
  })
})
