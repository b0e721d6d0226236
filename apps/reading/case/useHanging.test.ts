import { describe, expect, it, vi } from 'vitest'
import { ref, shallowRef } from 'vue'

import type { Screen } from '../../viewer/api'
import { NO_PROTOCOLS } from '../../viewer/hanging/own'
import { Toolset } from '../../viewer/toolset'
import type { Exam, Row, SeriesAhead } from '../records'
import { useHanging, type HangingParts } from './useHanging'

const row = (id: number, study: string): Row => ({
  exam_id: id, study_uids: [study], modality: 'CT', body_part: 'ABDOMEN', description: '腹部平扫', patient: { age: { days: 9000 } }, performed_at: `2026-11-0${9 - id}T08:00:00Z`,
}) as unknown as Row
const series = (uid: string): SeriesAhead => ({ series_uid: uid, number: 1, modality: 'CT', description: '腹部', frames: 60, renderable: true }) as unknown as SeriesAhead

/** A case whose prior becomes known when it is open, put up by the built-in protocol: axial, coronal, prior. */
function bench(functions: string[]) {
  const here = row(1, '1')
  const exam = shallowRef<Exam | null>(null)
  const known = new Map([['1', [series('1.1')]]])
  const hangMore = vi.fn<HangingParts['hangMore']>()
  const leftOut = vi.fn<HangingParts['leftOut']>()
  let screen: Screen | null = null
  const tools = new Toolset(functions)
  const hanging = useHanging({
    own: { value: ref(NO_PROTOCOLS), known: ref(true), problem: ref(null) } as unknown as HangingParts['own'],
    cache: {
      summaries: { peek: () => null },
      exams: { peek: () => null },
      ahead: { peek: (study: string) => known.get(study) ?? null, get: (study: string) => Promise.resolve(known.set(study, [series(`${study}.1`)]).get(study)) },
    } as unknown as HangingParts['cache'],
    presets: () => [],
    row: () => here,
    exam: () => exam.value,
    screen: () => screen,
    // The screen as the viewer makes it of what it is asked for.
    hang: ({ layout, cells }) => {
      const shown = cells.map((cell) => cell && { series: cell.series, view: tools.fitting(cell).view.plane ?? 'images' })
      screen = { layout, active: 0, linked: false, cells: shown } as unknown as Screen
    },
    hangMore, leftOut,
    info: () => ({}),
    tools: () => tools,
    leads: () => undefined,
    prior: () => undefined,
  })
  hanging.begin(here, '1', [series('1.1')])
  return {
    hanging, hangMore, leftOut,
    priorKnown: async () => {
      exam.value = { exam_id: 1, priors: [row(2, '2')] } as unknown as Exam
      hanging.more()
      await vi.waitFor(() => expect(known.has('2')).toBe(true))
      await Promise.resolve()
    },
  }
}

describe('a protocol with planes', () => {
  it.each([[['*'], []], [['window'], ['mpr']]])('with the functions %j leaves out %j, says so, and takes the prior beside it all the same', async (functions, missing) => {
    const { hanging, hangMore, leftOut, priorKnown } = bench(functions)
    expect(hanging.plan.value?.protocol.id).toBe('ct-abdomen')
    expect(leftOut.mock.calls.flat(2)).toEqual(missing)
    await priorKnown()
    expect(hangMore).toHaveBeenCalledOnce()
    expect(hangMore.mock.calls[0]?.[1].map((cell) => cell?.series)).toEqual(['1.1', '1.1', '2.1'])
    expect([...new Set(leftOut.mock.calls.flat(2))]).toEqual(missing)
  })
})
