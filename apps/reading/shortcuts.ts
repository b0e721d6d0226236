/** The desk's keys. The viewer's own keys (W, S, Z, P, V, L, 1–9, Ctrl Z …) belong to it while it has the focus. */
import { onBeforeUnmount, onMounted } from 'vue'

import { say, type Word } from './words'

export interface ShortcutParts {
  reading(): boolean
  /** A dialog is open: keys are its own. */
  busy(): boolean
  back(): void
  go(step: 1 | -1): void
  main(): void
  pdf(): void
  templates(): void
  knowledge(): void
}

const KEYS: [string, Word][] = [
  ['↑ ↓', 'key_move'], ['Enter', 'key_open'], ['Esc', 'key_back'], ['F8 / N', 'key_next'], ['F7', 'key_previous'], ['Ctrl Enter', 'key_submit'], ['F4', 'key_templates'], ['F6', 'key_knowledge'], ['Ctrl P', 'key_preview'],
  ['W S Z P', 'key_tools'], ['V L A C E B Y O Q T', 'key_measure'], ['Shift O H G D L Z', 'key_measure_more'], ['Shift B C A P T', 'key_annotate'], ['Ctrl Z / Ctrl Y', 'key_undo'], ['1 – 9', 'key_presets'], [', .', 'key_gamma'], ['[ ] H U', 'key_turn'], ['X M', 'key_planes'], ['J K N', 'key_linking'], ['R', 'tool_reset'], ['I', 'tool_invert'],
]
export const SHORTCUTS = KEYS.map(([keys, word]) => ({ keys, zh: say('zh', word), en: say('en', word) }))

function typing(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
}

export function useShortcuts(parts: ShortcutParts): void {
  function key(event: KeyboardEvent): void {
    if (event.isComposing || event.defaultPrevented || !parts.reading() || parts.busy()) return
    const control = event.ctrlKey || event.metaKey
    const act = ((): (() => void) | null => {
      if (control && event.key === 'Enter') return parts.main
      if (control && event.key.toLowerCase() === 'p') return parts.pdf
      if (control || event.altKey) return null
      if (event.key === 'F8') return () => parts.go(1)
      if (event.key === 'F7') return () => parts.go(-1)
      if (event.key === 'F4') return parts.templates
      if (event.key === 'F6') return parts.knowledge
      if (event.key === 'Escape') return parts.back
      if (event.key.toLowerCase() === 'n' && !typing(event.target)) return () => parts.go(1)
      return null
    })()
    if (!act) return
    event.preventDefault()
    act()
  }
  onMounted(() => addEventListener('keydown', key))
  onBeforeUnmount(() => removeEventListener('keydown', key))
}
