/**
 * The key images of the open case: what ris has, what is on its way, and which of them the report takes, in its order. The report's own
 * text holds that choice and its captions (`key_images`), so that they are saved, compared and signed with the words.
 */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref } from 'vue'

import type { Me, Problem } from '../../desk/shell'
import type { KeyImage, MadeKeyImage } from '../../viewer/api'
import type { KeptStore } from '../keptStore'
import type { KeyImageRecord, Records, Row, TakenKeyImage } from '../records'
import type { ReportSession } from '../report/reportSession'
import { comesBack } from './comesBack'
import { KeyImageSave, type KeyImageChange } from './keyImageSave'
import type { OutboxState } from './outbox'

export interface KeptKeyImages { key: string; username: string; exam: number; changes: KeyImageChange[] }

/** One card of the strip. */
export interface ListedKeyImage {
  id: string
  caption: string
  /** Address of the picture. */
  source: string
  /** Place in the report, from 1; null: left out. */
  number: number | null
  /** It goes into the report when ris has it. */
  soon: boolean
  image: KeyImage | null
  changeable: boolean
  saved: boolean
  problem: Problem | null
  /** The report has it, the exam no longer does; not said before the exam's are known. */
  gone: boolean
}

export interface KeyImages {
  list: ComputedRef<readonly ListedKeyImage[]>
  status: Ref<'loading' | 'ready' | 'failed'>
  problem: Ref<Problem | null>
  save: Ref<OutboxState>
  /** Whether the choice of the report can be changed now. */
  writable: ComputedRef<boolean>
  open(row: Pick<Row, 'exam_id'>): void
  close(): void
  /** The viewer has come. */
  ready(): void
  made(made: MadeKeyImage): void
  caption(id: string, text: string): void
  /** The caption is written: the record gets it too. */
  captioned(id: string): void
  take(id: string): void
  leave(id: string): void
  move(id: string, by: 1 | -1): void
  /** Gives what brings it back, to where it was. */
  remove(id: string): () => void
  reload(): void
  again(): void
  reconnected(): void
  flush(): Promise<boolean>
  dispose(): void
}

export type KeyImageNotice = 'taken' | 'left_out' | 'waiting' | 'waiting_left' | 'prior'

export interface KeyImageParts {
  records: Pick<Records, 'keyImages' | 'putKeyImage' | 'removeKeyImage' | 'keyPictureAddress' | 'reportPictureAddress'>
  kept: KeptStore<KeptKeyImages>
  me: Ref<Me | null>
  session: Ref<ReportSession | null>
  /** Tells the viewer which images are marked. */
  mark(images: KeyImage[]): void
  follow(onKeyImage: (id: string) => void): () => void
  /** Studies of the open case. */
  studies(): readonly string[]
  /**
   * Once it is known: `taken`: ris has it, the report too; `left_out`: ris has it, the report cannot be changed; `waiting` and
   * `waiting_left`: ris is away, it is kept on this machine; `prior`: of another exam's images, not kept. A problem: refused, with its picture
   * kept here where it is new.
   */
  tell(what: KeyImageNotice | Problem): void
}

export function useKeyImages(parts: KeyImageParts): KeyImages {
  const records = shallowRef<readonly KeyImageRecord[]>([])
  const waiting = shallowRef<ReturnType<KeyImageSave['of']>>([])
  const status = ref<'loading' | 'ready' | 'failed'>('ready')
  const problem = shallowRef<Problem | null>(null)
  const save = ref<OutboxState>({ kind: 'clean' }) as Ref<OutboxState>
  const exam = ref<number | null>(null)
  /** By exam: made here and in ris, while its report was not open to take them. */
  const untaken = new Map<number, TakenKeyImage[]>()
  const sources = new Map<string, string>()
  const { failed, quiet } = comesBack(reload)
  /** Made here, and their maker was not told yet what became of them. */
  const untold = new Set<string>()

  const saver = new KeyImageSave({
    write: ({ exam: of, id, version, caption, image, picture }) => (caption === null ? parts.records.removeKeyImage(of, id, version) : parts.records.putKeyImage(of, id, version, caption, image, picture)),
    keep: async (of, changes) => {
      const username = parts.me.value?.username ?? ''
      const key = `${username} ${of}`
      await (changes.length ? parts.kept.put({ key, username, exam: of, changes }) : parts.kept.remove(key))
    },
    settled: (of, record, made) => {
      if (made && !record.removed) untaken.set(of, [...(untaken.get(of) ?? []), { id: record.id, digest: record.digest, caption: record.caption }])
      if (exam.value !== of) return
      learn(record)
      takeUntaken()
      look()
      if (made && untold.delete(record.id)) parts.tell(writable.value ? 'taken' : 'left_out')
    },
    away: () => {
      const waits = exam.value === null ? [] : saver.of(exam.value).filter(({ id, problem: why }) => !why && untold.delete(id))
      if (waits.length) parts.tell(writable.value ? 'waiting' : 'waiting_left')
    },
    refused: (change, why) => {
      look()
      parts.tell(why)
      if (exam.value === change.exam && !change.image) reload()
    },
    changed: (state) => {
      save.value = state
      look()
    },
  })

  const writable = computed(() => {
    const session = parts.session.value
    return session !== null && session.row.exam_id === exam.value && session.mode.value !== 'read'
  })
  const taken = computed<readonly TakenKeyImage[]>(() => (parts.session.value?.row.exam_id === exam.value ? (parts.session.value?.text.key_images ?? []) : []))

  function learn(record: KeyImageRecord): void {
    const others = records.value.filter(({ id }) => id !== record.id)
    const before = records.value.find(({ id }) => id === record.id)
    if (!before || before.version <= record.version) records.value = [...others, record].sort((a, b) => a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id))
  }

  function look(): void {
    waiting.value = exam.value === null ? [] : saver.of(exam.value)
    for (const [id, source] of sources) {
      if (waiting.value.some((one) => one.id === id && one.picture)) continue
      // The card may still show it until the address of the record is there.
      setTimeout(() => URL.revokeObjectURL(source), 2000)
      sources.delete(id)
    }
    parts.mark([...records.value.filter(({ id, removed }) => !removed && !gone(id)).map(({ reference }) => reference), ...waiting.value.flatMap(({ image, caption }) => (image && caption !== null ? [image] : []))])
  }

  const gone = (id: string): boolean => waiting.value.some((one) => one.id === id && one.caption === null)

  function sourceOf(id: string, picture: Blob): string {
    const source = sources.get(id) ?? URL.createObjectURL(picture)
    sources.set(id, source)
    return source
  }

  function write(change: (images: TakenKeyImage[]) => TakenKeyImage[]): void {
    if (writable.value) parts.session.value?.type({ key_images: change(taken.value.map((one) => ({ ...one }))) })
  }

  function takeUntaken(): void {
    if (!writable.value || exam.value === null) return
    const more = (untaken.get(exam.value) ?? []).filter(({ id }) => !taken.value.some((one) => one.id === id))
    untaken.delete(exam.value)
    if (more.length) write((images) => [...images, ...more])
  }

  const list = computed<ListedKeyImage[]>(() => {
    if (exam.value === null) return []
    const of = exam.value
    const report = parts.session.value?.report.value?.id
    const chosen = taken.value.map((one, place): ListedKeyImage => {
      const record = records.value.find(({ id, digest }) => id === one.id && digest === one.digest)
      const pending = waiting.value.find(({ id }) => id === one.id)
      return {
        id: one.id, caption: one.caption, number: place + 1, soon: false, image: record?.reference ?? null, changeable: record?.changeable ?? false, saved: !pending, problem: null,
        source: record || report === undefined ? parts.records.keyPictureAddress(of, one.id) : parts.records.reportPictureAddress(report, one.digest),
        gone: record ? record.removed : status.value === 'ready',
      }
    })
    const left = records.value.filter(({ id, removed }) => !removed && !gone(id) && !taken.value.some((one) => one.id === id)).map((record): ListedKeyImage => ({
      id: record.id, caption: waiting.value.find(({ id }) => id === record.id)?.caption ?? record.caption, number: null, soon: false, image: record.reference, changeable: record.changeable,
      saved: !waiting.value.some(({ id }) => id === record.id), problem: null, source: parts.records.keyPictureAddress(of, record.id), gone: false,
    }))
    const here = waiting.value.filter(({ id, picture, caption }) => picture && caption !== null && !records.value.some((record) => record.id === id && !record.removed)).map((one): ListedKeyImage => ({
      id: one.id, caption: one.caption ?? '', number: null, soon: writable.value && !one.problem, image: one.image, changeable: true, saved: false, problem: one.problem, source: sourceOf(one.id, one.picture as Blob), gone: false,
    }))
    return [...chosen, ...left, ...here]
  })

  async function load(of: number): Promise<void> {
    try {
      const found = await parts.records.keyImages(of)
      if (exam.value !== of) return
      quiet()
      records.value = found
      status.value = 'ready'
      problem.value = null
      look()
    } catch (error) {
      if (exam.value !== of) return
      problem.value = failed(error)
      // Before the report is signed this reader has none to see: nothing failed.
      status.value = problem.value.code === 'report.not_signed' ? 'ready' : 'failed'
    }
  }

  function reload(): void {
    if (exam.value !== null) void load(exam.value)
  }

  function close(): void {
    void saver.flush()
    quiet()
    exam.value = null
    untold.clear()
    records.value = []
    problem.value = null
    look()
  }

  const recordOf = (id: string): KeyImageRecord | undefined => records.value.find((one) => one.id === id)

  async function restoreKept(username: string): Promise<void> {
    const kept = (await parts.kept.all().catch(() => [])).filter((one) => one.username === username)
    saver.adopt(kept.flatMap((one) => one.changes))
  }

  const stops = [
    watch(() => parts.me.value?.username, (username) => void (username && restoreKept(username)), { immediate: true }),
    watch(writable, takeUntaken),
    parts.follow((id) => {
      if (exam.value !== null && !waiting.value.some((one) => one.id === id)) reload()
    }),
  ]

  return {
    list, status, problem, save, writable, reload, close,
    ready: look,
    open(row) {
      close()
      exam.value = row.exam_id
      status.value = 'loading'
      look()
      void load(row.exam_id)
    },
    made({ image, picture }) {
      if (exam.value === null) return
      if (!parts.studies().includes(image.study)) return parts.tell('prior')
      untold.add(image.id)
      saver.add(exam.value, image, picture)
    },
    caption(id, text) {
      if (taken.value.some((one) => one.id === id)) write((images) => images.map((one) => (one.id === id ? { ...one, caption: text } : one)))
      else if (exam.value !== null) saver.change(exam.value, id, recordOf(id)?.version ?? null, text)
    },
    captioned(id) {
      const [one, record] = [taken.value.find((each) => each.id === id), recordOf(id)]
      if (one && record?.changeable && !record.removed && record.caption !== one.caption.trim() && exam.value !== null) saver.change(exam.value, id, record.version, one.caption)
    },
    take(id) {
      const record = recordOf(id)
      if (record && !record.removed) write((images) => [...images, { id, digest: record.digest, caption: record.caption }])
    },
    leave: (id) => write((images) => images.filter((one) => one.id !== id)),
    move: (id, by) =>
      write((images) => {
        const from = images.findIndex((one) => one.id === id)
        const [one] = images.splice(from, 1)
        if (one) images.splice(Math.max(0, from + by), 0, one)
        return images
      }),
    remove(id) {
      const of = exam.value
      const record = recordOf(id)
      const place = taken.value.findIndex((one) => one.id === id)
      const before = taken.value[place]
      const caption = before?.caption ?? record?.caption ?? ''
      write((images) => images.filter((one) => one.id !== id))
      if (of !== null) untaken.set(of, (untaken.get(of) ?? []).filter((one) => one.id !== id))
      if (of !== null && (!record || (record.changeable && !record.removed))) saver.change(of, id, record?.version ?? null, null)
      return () => {
        if (exam.value !== of || of === null || !record) return
        saver.change(of, id, recordOf(id)?.version ?? null, caption)
        if (before) write((images) => [...images.slice(0, place), { ...before }, ...images.slice(place)])
      }
    },
    again: () => saver.again(),
    reconnected() {
      saver.reconnected()
      reload()
    },
    async flush() {
      const all = await saver.flush()
      takeUntaken()
      return all
    },
    dispose() {
      quiet()
      stops.forEach((stop) => stop())
      saver.dispose()
    },
  }
}
