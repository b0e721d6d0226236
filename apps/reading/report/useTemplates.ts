/** Report templates that fit the case, their search, and putting one into the text with placeholders filled by the kernel. */
import { computed, ref, shallowRef, watch, type ComputedRef, type Ref, type ShallowRef } from 'vue'

import { asProblem, type Problem } from '../../desk/shell'
import type { Exam, Records, Row, Template, Text } from '../records'
import type { AskKernel } from '../services'

export interface Caret { field: 'findings' | 'impression'; start: number; end: number }
export interface Filled { findings: string; impression: string; unknown: string[]; raw: boolean }

export interface Templates {
  q: Ref<string>
  everywhere: Ref<boolean>
  list: ComputedRef<Template[]>
  status: Ref<'idle' | 'loading' | 'ready' | 'failed'>
  problem: ShallowRef<Problem | null>
  load(): Promise<void>
  fill(template: Template, row: Row, exam: Exam | null): Promise<Filled>
}

/**
 * `text` with a template put in. Replace: both sections become the template's (a section the template leaves empty stays).
 * Insert: at the caret's field its section replaces the selection; the other section is appended on a line of its own.
 */
export function withTemplate(text: Text, filled: Pick<Filled, 'findings' | 'impression'>, way: 'insert' | 'replace', caret: Caret): { text: Text; caret: Caret } {
  const result = { ...text }
  const place = { ...caret }
  for (const field of ['findings', 'impression'] as const) {
    const addition = filled[field]
    if (!addition) continue
    const old = text[field]
    if (way === 'replace') result[field] = addition
    else if (field === caret.field) {
      const start = Math.min(caret.start, old.length)
      const end = Math.max(start, Math.min(caret.end, old.length))
      result[field] = old.slice(0, start) + addition + old.slice(end)
      place.start = place.end = start + addition.length
    } else result[field] = old ? `${old.replace(/\n+$/, '')}\n${addition}` : addition
  }
  if (way === 'replace') place.start = place.end = result[place.field].length
  return { text: result, caret: place }
}

export function useTemplates(records: Pick<Records, 'templates'>, ask: AskKernel, row: () => Row | null): Templates {
  const q = ref('')
  const everywhere = ref(false)
  const found = shallowRef<Template[]>([])
  const status = ref<'idle' | 'loading' | 'ready' | 'failed'>('idle')
  const problem = shallowRef<Problem | null>(null)
  let turn = 0
  let typing: ReturnType<typeof setTimeout> | null = null

  async function load(): Promise<void> {
    const mine = ++turn
    const of = row()
    status.value = 'loading'
    try {
      const filter = { modality: of?.modality ?? undefined, body_part: everywhere.value ? undefined : (of?.body_part ?? undefined), q: q.value || undefined }
      const answer = await records.templates(filter)
      if (mine !== turn) return
      found.value = answer
      status.value = 'ready'
    } catch (error) {
      if (mine !== turn) return
      problem.value = asProblem(error)
      status.value = 'failed'
    }
  }

  watch([q, everywhere], () => {
    if (typing) clearTimeout(typing)
    typing = setTimeout(() => void load(), 150)
  })

  async function fill(template: Template, of: Row, exam: Exam | null): Promise<Filled> {
    const plain = { findings: template.findings, impression: template.impression }
    if (!/\{\{.+?\}\}/.test(plain.findings + plain.impression)) return { ...plain, unknown: [], raw: false }
    try {
      return { ...(await ask<Omit<Filled, 'raw'>>({ type: 'expand', template: plain, row: of, priors: exam?.priors ?? [] }, 1500)), raw: false }
    } catch {
      return { ...plain, unknown: [], raw: true }
    }
  }

  return { q, everywhere, status, problem, load, fill, list: computed(() => [...found.value].sort((a, b) => Number(a.public) - Number(b.public) || a.name.localeCompare(b.name, 'zh'))) }
}
