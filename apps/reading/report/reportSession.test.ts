import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ref } from 'vue'

import type { Me } from '../../desk/shell'
import type { KeptDraft } from '../draftStore'
import type { Row } from '../records'
import { LeftSessions } from './leftSessions'
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

describe('a case that is opened again while what was typed in it is still being saved', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** ris with one report; a draft takes `saving` ms on its way. */
  function house(saving: number) {
    const stored = { id: 3, version: 1, findings: '', impression: '', positive: null, key_images: [], actions: ['submit'], updated_at: '' }
    const later = (ms: number) => new Promise((done) => setTimeout(done, ms))
    const records = {
      report: vi.fn(async () => ({ ...stored })),
      openReport: vi.fn(async () => ({ ...stored })),
      saveDraft: vi.fn(async (_: number, version: number, text: object) => {
        await later(saving)
        Object.assign(stored, text, { version: version + 1 })
        return { version: stored.version, saved_at: '' }
      }),
      transition: vi.fn(),
    }
    const kept = new Map<string, KeptDraft>()
    const drafts = { durable: true, get: async (key: string) => kept.get(key) ?? null, put: async (draft: KeptDraft) => void kept.set(draft.key, draft), remove: async (key: string) => void kept.delete(key), all: async () => [] }
    const open = (left: Promise<number | null> | null) => reportSession({ records: records as never, drafts: drafts as never, me }, row, left)
    /** A session that begins to load while the one before is still saving what was typed. */
    async function again() {
      const left = new LeftSessions()
      const first = open(null)
      await first.load()
      first.type({ findings: '最后的话' })
      left.leave(first)
      const session = open(left.of(row.exam_id))
      void session.load()
      return { session, left }
    }
    return { records, stored, open, again }
  }

  it.each([[0], [900], [4000]])('shows the last words, and no conflict, when the draft takes %i ms', async (saving) => {
    const { again, records } = house(saving)
    const { session, left } = await again()
    await vi.advanceTimersByTimeAsync(saving + 1)
    expect([session.status.value, session.text.findings, session.report.value?.version, session.save.value.kind, session.restored.value]).toEqual(['ready', '最后的话', 2, 'clean', false])
    expect(left.of(row.exam_id)).toBeNull()
    session.type({ findings: '最后的话。' })
    await vi.advanceTimersByTimeAsync(saving + 1000)
    expect([session.save.value.kind, records.saveDraft.mock.calls.map(([, version]) => version)]).toEqual(['saved', [1, 2]])
  })

  it('opens all the same when the saving hangs, with the text that this machine kept', async () => {
    const { session } = await house(60_000).again()
    await vi.advanceTimersByTimeAsync(9000)
    expect(session.status.value).toBe('loading')
    await vi.advanceTimersByTimeAsync(2000)
    expect([session.status.value, session.text.findings, session.restored.value]).toEqual(['ready', '最后的话', true])
  })

  it('finds the report also when the first reading of it fails', async () => {
    const { again, records } = house(300)
    const { session } = await again()
    records.report.mockRejectedValueOnce(new TypeError('network'))
    await vi.advanceTimersByTimeAsync(301)
    expect(session.status.value).toBe('failed')
    void session.load()
    await vi.advanceTimersByTimeAsync(1)
    expect([session.status.value, session.text.findings]).toEqual(['ready', '最后的话'])
  })

  it('takes what others changed while it was being read', async () => {
    const { open, stored, records } = house(0)
    let answer: (found: object) => void = () => undefined
    records.report.mockImplementationOnce(() => new Promise((done) => void (answer = done as typeof answer)))
    const session = open(Promise.resolve(3))
    void session.load()
    await vi.advanceTimersByTimeAsync(1)
    const old = { ...stored }
    Object.assign(stored, { findings: '他人的话', version: 5 })
    void session.refresh({ ...row, report_id: 3 } as Row)
    answer(old)
    await vi.advanceTimersByTimeAsync(1)
    expect([session.text.findings, session.report.value?.version]).toEqual(['他人的话', 5])
  })
})
