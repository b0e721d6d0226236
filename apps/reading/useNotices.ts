/** Quiet lines at the bottom: what was done, with undo where there is one. They go by themselves. */
import { reactive } from 'vue'

export interface Notice { id: number; text: string; kind: 'done' | 'problem'; action?: { label: string; run: () => void } }
export interface Notices { list: readonly Notice[]; tell(text: string, more?: Partial<Pick<Notice, 'kind' | 'action'>>): void; drop(id: number): void }

const SHOWN_MS = { done: 6000, problem: 12_000 }

export function useNotices(): Notices {
  const list = reactive<Notice[]>([])
  let count = 0
  function drop(id: number): void {
    const at = list.findIndex((notice) => notice.id === id)
    if (at >= 0) list.splice(at, 1)
  }
  return {
    list,
    drop,
    tell(text, more = {}) {
      const notice: Notice = { id: (count += 1), text, kind: 'done', ...more }
      list.push(notice)
      if (list.length > 3) list.shift()
      setTimeout(() => drop(notice.id), SHOWN_MS[notice.kind])
    },
  }
}
