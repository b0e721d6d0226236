import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ref } from 'vue'

import type { Me } from '../../desk/shell'
import type { KeptDraft } from '../draftStore'
import type { Row } from '../records'
import { reportSession } from './reportSession'

const row = { exam_id: 7, report_id: null, stage: 'to_write' } as Row
const me = ref({ username: 'li', operations: ['report.write'] } as unknown as Me)
const kept: KeptDraft = { key: 'li 7', findings: '双肺未见实变', impression: '', positive: null, key_images: [], base: null, at: '2026-01-01T00:00:00Z' }

describe('a report that is opened while the store of the browser does not answer', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  function bench(get: () => Promise<KeptDraft | null>) {
    const drafts = { durable: true, get, put: vi.fn(async () => undefined), remove: vi.fn(async () => undefined), all: async () => [] }
    const records = { report: vi.fn(), openReport: vi.fn(() => new Promise<never>(() => undefined)), saveDraft: vi.fn(), transition: vi.fn() }
    return reportSession({ records: records as never, drafts: drafts as never, me }, row)
  }

  it('can be written in after a moment, and at once when the store fails', async () => {
    const hanging = bench(() => new Promise(() => undefined))
    void hanging.load()
    await vi.advanceTimersByTimeAsync(500)
    expect(hanging.status.value).toBe('loading')
    await vi.advanceTimersByTimeAsync(2000)
    expect([hanging.status.value, hanging.mode.value]).toEqual(['ready', 'write'])
    const failing = bench(() => Promise.reject(new DOMException('broken', 'UnknownError')))
    void failing.load()
    await vi.advanceTimersByTimeAsync(0)
    expect([failing.status.value, failing.mode.value]).toEqual(['ready', 'write'])
  })

  it('gets the kept text when that comes late, and keeps both when the writer has begun', async () => {
    const answers: ((kept: KeptDraft) => void)[] = []
    const [idle, begun] = [bench(() => new Promise((done) => void answers.push(done))), bench(() => new Promise((done) => void answers.push(done)))]
    void idle.load()
    void begun.load()
    await vi.advanceTimersByTimeAsync(3000)
    begun.type({ findings: '新写的文字' })
    for (const answer of answers) answer(kept)
    await vi.advanceTimersByTimeAsync(0)
    expect([idle.text.findings, idle.restored.value]).toEqual(['双肺未见实变', true])
    expect([begun.text.findings, begun.restored.value]).toEqual(['新写的文字\n双肺未见实变', true])
  })

  it('is left alone when the case was left meanwhile', async () => {
    let answer: (kept: KeptDraft) => void = () => undefined
    const session = bench(() => new Promise((done) => void (answer = done)))
    void session.load()
    await vi.advanceTimersByTimeAsync(3000)
    session.dispose()
    answer(kept)
    await vi.advanceTimersByTimeAsync(0)
    expect(session.text.findings).toBe('')
  })
})
