import { describe, expect, it } from 'vitest'
import { effectScope, nextTick, shallowRef } from 'vue'

import { Problem, type Api } from '../../desk/shell'
import type { Measurement, Viewer, ViewerState } from '../../viewer/api'
import { useRatioProposal, type RatioProposal } from './useRatioProposal'

const ANSWER = { midline: [[50, 0], [50, 90]], heart: [[30, 60], [75, 60]], thorax: [[5, 70], [95, 70]], left: 20, right: 25, ratio: 0.5, confidence: 0.9, unsure: false }
const IMAGE = { study: '1.2', series: '1.3', sop_uid: '1.4', frame: 1, index: 0 }
const words = { title: '未能识别两侧肺野', action: '请手动测量' }

interface Bench {
  one: RatioProposal
  drawn: Measurement[]
  asked: { url: string; body: unknown }[]
  acts: string[]
  state: { value: Partial<ViewerState> }
  say(id: string | null): void
}

function bench(answer: () => Promise<unknown>, shown = true): Bench {
  const state = shallowRef<Partial<ViewerState>>({ study: '1.2', series: '1.3', index: 0, tool: 'cardiothoracic', modality: 'DX', plane: null, rendering: null })
  const drawn: Measurement[] = []
  const asked: Bench['asked'] = []
  const acts: string[] = []
  let say: (id: string | null) => void = () => undefined
  const viewer = {
    image: () => IMAGE,
    propose: (one: Measurement) => {
      if (!shown) return false
      drawn.push(one)
      say(one.id)
      return true
    },
    confirmProposal: () => {
      acts.push('confirm')
      say(null)
    },
    dropProposal: () => {
      acts.push('drop')
      say(null)
    },
    on: (event: string, handler: (id: string | null) => void) => {
      if (event === 'proposal') say = handler
      return () => undefined
    },
  } as unknown as Viewer
  const api = { post: (url: string, body: unknown) => (asked.push({ url, body }), answer()) } as unknown as Api
  const one = effectScope().run(() => useRatioProposal(api, () => viewer, () => state.value as ViewerState)) as RatioProposal
  return { one, drawn, asked, acts, state, say: (id) => say(id) }
}

describe('a proposed cardiothoracic ratio', () => {
  it('is asked for by image, drawn, waits, and is confirmed', async () => {
    const { one, drawn, asked, acts } = bench(() => Promise.resolve(ANSWER))
    expect(one.offered.value).toBe(true)
    await one.ask()
    expect(asked).toEqual([{ url: '/services/masks/api/v1/studies/1.2/series/1.3/cardiothoracic', body: { sop_uid: '1.4', frame: 1 } }])
    expect(drawn[0]).toMatchObject({ kind: 'cardiothoracic', sop_uid: '1.4', points: [[30, 60], [75, 60], [5, 70], [95, 70]], author: '', created: '' })
    expect([one.waiting.value, one.busy.value]).toEqual([true, false])
    one.confirm()
    expect([acts, one.waiting.value]).toEqual([['confirm'], false])
  })

  it('says of a doubtful proposal that it is doubtful, and of the next that it is not', async () => {
    const answers = [{ ...ANSWER, confidence: 0.4, unsure: true }, ANSWER]
    const { one } = bench(() => Promise.resolve(answers.shift()))
    await one.ask()
    expect([one.waiting.value, one.unsure.value]).toEqual([true, true])
    one.drop()
    await one.ask()
    expect([one.waiting.value, one.unsure.value]).toEqual([true, false])
  })

  it('waits no more when the viewer says that a point was moved, and can be given up', async () => {
    const { one, acts, say } = bench(() => Promise.resolve(ANSWER))
    await one.ask()
    say(null)
    expect(one.waiting.value).toBe(false)
    await one.ask()
    one.drop()
    expect([acts, one.waiting.value]).toEqual([['drop'], false])
  })

  it('cannot be confirmed from another image', async () => {
    const { one, state } = bench(() => Promise.resolve(ANSWER))
    await one.ask()
    state.value = { ...state.value, index: 1 }
    expect(one.waiting.value).toBe(false)
    state.value = { ...state.value, index: 0 }
    expect(one.waiting.value).toBe(true)
  })

  it('says why there is none, and no longer of another image', async () => {
    const { one, drawn, state } = bench(() => Promise.reject(new Problem(422, 'cardiothoracic.no_lungs', { zh: words, en: words })))
    await one.ask()
    expect(one.problem.value?.words.zh).toEqual(words)
    expect([drawn, one.waiting.value, one.busy.value]).toEqual([[], false, false])
    state.value = { ...state.value, zoom: 2 }
    await nextTick()
    expect(one.problem.value).not.toBeNull() // the reader looks closer: it is still the same image
    state.value = { ...state.value, index: 1 }
    await nextTick()
    expect(one.problem.value).toBeNull()
  })

  it('draws nothing that comes when another image is shown, or after it was cancelled', async () => {
    let arrive: (answer: unknown) => void = () => undefined
    const late = (): Promise<unknown> => new Promise((resolve) => void (arrive = resolve))
    const moved = bench(late)
    const first = moved.one.ask()
    moved.state.value = { ...moved.state.value, index: 1 }
    await nextTick()
    arrive(ANSWER)
    await first
    const stopped = bench(late)
    const second = stopped.one.ask()
    stopped.one.cancel()
    arrive(ANSWER)
    await second
    expect([moved.drawn, stopped.drawn, stopped.one.busy.value, stopped.one.problem.value]).toEqual([[], [], false, null])
    const hidden = bench(() => Promise.resolve(ANSWER), false)
    await hidden.one.ask()
    expect(hidden.one.gone.value).toBe(true)
  })

  it.each([{ modality: 'CT' }, { tool: 'length' as const }, { index: -1 }, { plane: 'axial' as const }])('is not offered with %o', (other) => {
    const { one, state } = bench(() => Promise.resolve(ANSWER))
    state.value = { ...state.value, ...other }
    expect(one.offered.value).toBe(false)
  })
})
