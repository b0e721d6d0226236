import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { effectScope, nextTick, ref, shallowRef } from 'vue'

import type { Exam, Row } from '../records'
import { usePreview } from './usePreview'

const row = (id: number) => ({ exam_id: id }) as Row

describe('the case beside the list', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function bench() {
    const shown = shallowRef<Row | null>(null)
    const reading = ref(false)
    const connected = ref(true)
    const answers: { id: number; give(exam: Exam): void; fail(why: unknown): void }[] = []
    const get = (id: number) => new Promise<Exam>((give, fail) => void answers.push({ id, give, fail }))
    const scope = effectScope()
    const preview = scope.run(() => usePreview({ row: shown, reading, connected, exams: { get, peek: () => null }, ahead: () => undefined }))
    if (!preview) throw new Error('no scope')
    const show = async (one: Row | null): Promise<void> => {
      shown.value = one
      await nextTick()
      await vi.advanceTimersByTimeAsync(100)
    }
    return { preview, show, connected, answers, settle: () => vi.advanceTimersByTimeAsync(0) }
  }

  it('says why its details are not there, asks again when told to and when the connection is back', async () => {
    const { preview, show, connected, answers, settle } = bench()
    await show(row(1))
    expect(preview.problem.value).toBeNull()
    answers[0]?.fail(new TypeError('network'))
    await settle()
    expect(preview.problem.value?.code).toBe('network.down')
    preview.retry()
    expect(preview.problem.value).toBeNull() // on its way again
    answers[1]?.fail(new TypeError('network'))
    await settle()
    connected.value = false
    await nextTick()
    connected.value = true
    await nextTick()
    expect(answers.map(({ id }) => id)).toEqual([1, 1, 1])
    answers[2]?.give({ exam_id: 1 } as Exam)
    await settle()
    expect([preview.exam.value?.exam_id, preview.problem.value]).toEqual([1, null])
  })

  it('shows neither the details nor the failure of a row that the pointer has left', async () => {
    const { preview, show, answers, settle } = bench()
    await show(row(1))
    await show(row(2))
    answers[0]?.fail(new TypeError('network'))
    answers[1]?.give({ exam_id: 2 } as Exam)
    await settle()
    expect([preview.exam.value?.exam_id, preview.problem.value]).toEqual([2, null])
    await show(row(3))
    expect(preview.exam.value).toBeNull()
  })
})
