/** What may be done with the open report and whether it must wait, in words. Only Report.actions decides which acts there are. */
import { computed, type ComputedRef, type Ref } from 'vue'

import { asProblem } from '../../desk/shell'
import type { Notices } from '../useNotices'
import type { Translate } from '../services'
import { isWord, type Lang, type Word } from '../words'
import { problemWords } from '../wording'
import type { ReportSession } from './reportSession'

export interface Acts {
  names: ComputedRef<string[]>
  /** The act of Ctrl+Enter: submit for the writer, sign for the reviewer. */
  main: ComputedRef<'submit' | 'sign' | null>
  /** Why acts that send must wait; null: they may go. */
  blocked: ComputedRef<string | null>
  run(action: string, reason?: string): Promise<boolean>
}

export interface ActsParts {
  session: ComputedRef<ReportSession | null>
  connected: Ref<boolean>
  lang: Ref<Lang>
  t: Translate
  notices: Notices
  askReason(action: 'return' | 'recall'): void
}

const SHOWN = ['submit', 'review', 'return', 'sign', 'recall', 'addendum']

export function useActs(parts: ActsParts): Acts {
  const names = computed(() => {
    const session = parts.session.value
    if (!session || session.status.value !== 'ready') return []
    if (!session.report.value) return session.mode.value === 'write' ? ['submit'] : []
    return SHOWN.filter((name) => session.report.value?.actions.includes(name))
  })
  const main = computed(() => (names.value.includes('submit') ? 'submit' : names.value.includes('sign') ? 'sign' : null))
  const blocked = computed(() => {
    const kind = parts.session.value?.save.value.kind
    if (!parts.connected.value) return parts.t('blocked_offline')
    return kind === 'conflict' ? parts.t('blocked_conflict') : null
  })

  function missing(session: ReportSession, action: string): Word | null {
    if (action !== 'submit' && action !== 'sign') return null
    if (!session.text.findings.trim() || !session.text.impression.trim()) return 'text_needed'
    return session.text.positive === null ? 'result_needed' : null
  }

  async function run(action: string, reason?: string): Promise<boolean> {
    const session = parts.session.value
    if (!session || session.acting.value || !names.value.includes(action)) return false
    const lack = missing(session, action)
    const why = blocked.value ?? (lack && parts.t(lack))
    if (why) {
      parts.notices.tell(why, { kind: 'problem' })
      return false
    }
    try {
      const report = await session.act(action, reason)
      const done = `done_${action}`
      // Submitting asks nothing; while the state allows it, one click takes it back.
      const undo = action === 'submit' && report.actions.includes('recall') ? { label: parts.t('recall'), run: () => parts.askReason('recall') } : undefined
      parts.notices.tell(isWord(done) ? parts.t(done) : action, undo ? { action: undo } : {})
      return true
    } catch (error) {
      if (session.save.value.kind !== 'conflict') parts.notices.tell(problemWords(parts.lang.value, asProblem(error)), { kind: 'problem' })
      return false
    }
  }

  return { names, main, blocked, run }
}
