/**
 * One case's report while it is open: its text, its saving, what the signed-in person may do with it.
 *
 * Opening a case writes nothing: the draft is made in ris with the first change. Every case has its own session, so that a save that is
 * still on its way when the doctor goes to the next case ends in the right report.
 */
import { computed, reactive, ref, shallowRef, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, idempotencyKey, Problem, type Me } from '../../desk/shell'
import { draftKey, type DraftStore, type KeptDraft } from '../draftStore'
import { unreachable, type Records, type Report, type Row, type Text } from '../records'
import { Autosave, type SaveState } from './autosave'

export type Mode = 'write' | 'review' | 'read'

export interface ReportSession {
  readonly row: Row
  report: ShallowRef<Report | null>
  text: Text
  status: Ref<'loading' | 'ready' | 'failed'>
  problem: Ref<Problem | null>
  save: Ref<SaveState>
  restored: Ref<boolean>
  acting: Ref<boolean>
  /** write: autosaved to ris; review: changes travel with the signature; read: nothing can be typed. */
  mode: ComputedRef<Mode>
  load(): Promise<void>
  /** One field changed by the writer's hand. */
  type(change: Partial<Text>): void
  set(text: Text): void
  compositionStart(): void
  compositionEnd(): void
  flush(): Promise<boolean>
  act(action: string, reason?: string): Promise<Report>
  resolve(text: Text): void
  reconnected(): void
  /** Another place changed the report (live row): take the new state if nothing here is unsaved. */
  refresh(now?: Row): Promise<void>
  dispose(): void
}

export interface SessionParts {
  records: Pick<Records, 'report' | 'openReport' | 'saveDraft' | 'transition'>
  drafts: DraftStore
  me: Ref<Me | null>
}

const OTHER_TEXT = {
  zh: { title: '该报告已有其他文字', action: '请比较两份文字后选择。' },
  en: { title: 'This report already has another text', action: 'Compare the two texts and choose.' },
}
/** A store of the browser that hangs (a busy disk) must keep nobody from writing. */
const LOCAL_MS = 2000
/** What is still being saved of this case, left a moment ago, comes first: the report that is read before it is there lacks the last words. */
const LEFT_MS = 10_000
const LATE = Symbol('late')

function soon<T>(asked: Promise<T>, within = LOCAL_MS): Promise<T | typeof LATE> {
  return Promise.race([asked, new Promise<typeof LATE>((done) => setTimeout(() => done(LATE), within))])
}

function joined(now: string, before: string): string {
  return !before || now.includes(before) ? now : now ? `${now}\n${before}` : before
}

const EMPTY: Text = { findings: '', impression: '', positive: null, key_images: [] }

export function textOf(source: Text): Text {
  // Plain data: it is kept in the browser's own store.
  const key_images = (source.key_images ?? []).map(({ id, digest, caption }) => ({ id, digest, caption }))
  return { findings: source.findings ?? '', impression: source.impression ?? '', positive: source.positive ?? null, key_images }
}

export function sameText(a: Text, b: Text): boolean {
  return (a.findings ?? '') === (b.findings ?? '') && (a.impression ?? '') === (b.impression ?? '') && (a.positive ?? null) === (b.positive ?? null) && sameKeyImages(a, b)
}

/** The same pictures in the same order, under the same words. */
export function sameKeyImages(a: Text, b: Text): boolean {
  const [left, right] = [a.key_images ?? [], b.key_images ?? []]
  return left.length === right.length && left.every((one, at) => one.id === right[at]?.id && one.digest === right[at]?.digest && one.caption.trim() === right[at]?.caption.trim())
}

/** `left`: the report's id once an earlier session of this case has ended its saving (`leftSessions.ts`). */
export function reportSession(parts: SessionParts, row: Row, left: Promise<number | null> | null = null): ReportSession {
  const report = shallowRef<Report | null>(null)
  const text = reactive<Text>({ ...EMPTY })
  const status = ref<'loading' | 'ready' | 'failed'>('loading')
  const problem = ref<Problem | null>(null)
  const save = ref<SaveState>({ kind: 'clean' })
  const restored = ref(false)
  const acting = ref(false)
  const key = (): string => draftKey(parts.me.value?.username ?? '', row.exam_id)
  let ended = false
  let keys: { action: string; version: number; key: string } | null = null
  let news: Row | null = null

  const mode = computed<Mode>(() => {
    if (status.value !== 'ready') return 'read'
    const current = report.value
    if (!current) {
      const free = !row.report_id && !['signed', 'cancelled', 'booked'].includes(row.stage)
      return free && parts.me.value?.operations.includes('report.write') ? 'write' : 'read'
    }
    // ris takes drafts from the author exactly while he may submit (ris/reports/rules.py, EDITABLE).
    if (current.actions.includes('submit')) return 'write'
    return current.actions.includes('sign') ? 'review' : 'read'
  })

  const autosave = new Autosave({
    write,
    keep: (value) => parts.drafts.put({ ...value, key: key(), base: report.value?.version ?? null, at: new Date().toISOString() }),
    forget: () => parts.drafts.remove(key()),
    changed: (state) => void (save.value = state),
  })

  async function write(value: Text): Promise<{ saved_at: string }> {
    if (!report.value) {
      // The row may be older than the report: a text that was begun elsewhere (or a moment ago here) is never written over.
      const opened = await parts.records.openReport([row.exam_id])
      report.value = opened
      if (!sameText(opened, EMPTY) && !sameText(opened, value)) throw new Problem(409, 'report.version', OTHER_TEXT, { current: opened })
    }
    const current = report.value
    try {
      const saved = await parts.records.saveDraft(current.id, current.version, value)
      report.value = { ...current, ...value, version: saved.version, updated_at: saved.saved_at }
      return saved
    } catch (error) {
      // The answer to an earlier try may have been lost: what ris holds is what was sent then.
      const theirs = error instanceof Problem && error.status === 409 ? (error.extra['current'] as Report | undefined) : undefined
      if (!theirs || !sameText(theirs, value)) throw error
      report.value = { ...current, ...theirs }
      return { saved_at: theirs.updated_at }
    }
  }

  function show(value: Text): void {
    Object.assign(text, textOf(value))
  }

  /** Text that was kept on this machine and has not reached ris. */
  function restore(before: KeptDraft | null, found: Report | null): void {
    if (!before || ended || mode.value === 'read') return
    // What an earlier version of this page kept says nothing about key images.
    const kept = { ...before, key_images: before.key_images ?? found?.key_images ?? [] }
    if (sameText(kept, found ?? EMPTY)) {
      if (save.value.kind === 'clean') parts.drafts.remove(key()).catch(() => undefined)
      return
    }
    restored.value = true
    if (save.value.kind !== 'clean') {
      // It came late, and the writer has begun already: both are kept.
      show({ ...textOf(text), findings: joined(text.findings, kept.findings), impression: joined(text.impression, kept.impression) })
      input()
    } else if (!found || kept.base === found.version) {
      show(kept)
      input()
    } else {
      show(kept)
      autosave.conflict(textOf(kept), found)
    }
  }

  async function load(): Promise<void> {
    status.value = 'loading'
    try {
      const made = left ? await soon(left, LEFT_MS) : null
      const id = row.report_id ?? (made === LATE ? null : made)
      const asked = parts.drafts.get(key()).catch(() => null)
      const [found, before] = await Promise.all([id ? parts.records.report(id) : null, soon(asked)])
      report.value = found
      show(found ?? EMPTY)
      status.value = 'ready'
      problem.value = null
      if (before === LATE) void asked.then((kept) => restore(kept, found))
      else restore(before, found)
      if (news) void refresh(news)
    } catch (error) {
      problem.value = asProblem(error)
      // Not signed yet is nothing that failed: this reader has no report to see.
      status.value = problem.value.code === 'report.not_signed' ? 'ready' : 'failed'
    }
  }

  function input(): void {
    if (mode.value === 'write') autosave.edit(textOf(text))
    else if (mode.value === 'review') autosave.hold(textOf(text))
  }

  async function act(action: string, reason?: string): Promise<Report> {
    if (acting.value) throw new Error('an act is on its way')
    acting.value = true
    try {
      if (mode.value === 'write' && !report.value) report.value = await parts.records.openReport([row.exam_id])
      if (mode.value === 'write' && !(await autosave.flush())) {
        if (save.value.kind === 'kept' || save.value.kind === 'refused') throw save.value.problem ?? asProblem(new TypeError('network'))
        throw asProblem(new Error('unsaved'))
      }
      const current = report.value
      if (!current) throw asProblem(new Error('no report'))
      // A repeated click on the same version is the same act; only a new version or another act gets a new key.
      if (keys?.action !== action || keys.version !== current.version) keys = { action, version: current.version, key: idempotencyKey() }
      const carries = action === 'sign' && mode.value === 'review' && !sameText(text, current)
      const more = { ...(reason ? { reason } : {}), ...(carries ? textOf(text) : {}) }
      const answer = await parts.records.transition(current.id, action, current.version, keys.key, more)
      const keepEdits = action === 'review' && !sameText(text, current)
      report.value = answer
      if (keepEdits) input()
      else {
        show(answer)
        autosave.accept()
      }
      return answer
    } catch (error) {
      const failure = asProblem(error)
      const theirs = failure.status === 409 ? (failure.extra['current'] as Report | undefined) : undefined
      if (theirs?.id && !sameText(theirs, text) && mode.value !== 'read') autosave.conflict(textOf(text), theirs)
      else if (failure.status === 409) void refresh()
      if (!unreachable(failure)) keys = null
      throw failure
    } finally {
      acting.value = false
    }
  }

  async function refresh(now: Row = row): Promise<void> {
    news = status.value === 'loading' ? now : null // heard while the report is being read: asked again afterwards
    const id = report.value?.id ?? now.report_id
    if (!id || acting.value || autosave.hasUnsaved || status.value !== 'ready') return
    try {
      const found = await parts.records.report(id)
      if (autosave.hasUnsaved || acting.value || (report.value && found.version < report.value.version)) return
      report.value = found
      if (!sameText(found, text)) show(found)
    } catch {
      // The text on the screen stays; the next change or act will say what is wrong.
    }
  }

  return {
    row, report, text, status, problem, save, restored, acting, mode,
    load, act, refresh,
    type: (change) => {
      Object.assign(text, change)
      input()
    },
    set: (value) => {
      show(value)
      input()
    },
    compositionStart: () => autosave.compositionStart(),
    compositionEnd: () => autosave.compositionEnd(),
    flush: () => autosave.flush(),
    resolve: (value) => {
      if (save.value.kind !== 'conflict') return
      report.value = save.value.theirs.actions ? save.value.theirs : { ...(report.value as Report), ...save.value.theirs }
      show(value)
      if (sameText(value, save.value.theirs)) autosave.accept()
      else if (mode.value === 'review') {
        autosave.accept()
        input()
      } else autosave.resolve(textOf(value))
    },
    reconnected: () => autosave.reconnected(),
    dispose: () => {
      ended = true
      autosave.dispose()
    },
  }
}
