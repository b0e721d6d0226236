/** The desk's keys. Those of the viewer (`apps/viewer/commands.ts`) belong to it while it has the focus. */
import { onBeforeUnmount, onMounted } from 'vue'

import type { Command } from '../viewer/commands'
import { keyLabel, keysOf, type OwnKeys } from '../viewer/keys'
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
]

interface Shortcut { keys: string; zh: string; en: string }

/** Every key there is now: the desk's, then those of the viewer's commands that the reader has, as he has them; presets are one line. */
export function shortcuts(own: OwnKeys, commands: readonly Command[]): Shortcut[] {
  const line = ({ id, zh, en }: { id: string; zh: string; en: string }, keys: readonly string[]): Shortcut => ({ keys: keys.map(keyLabel).join(' / ') || '–', ...(id === 'preset-1' ? { zh: say('zh', 'key_presets'), en: say('en', 'key_presets') } : { zh, en }) })
  const presets = commands.filter(({ id }) => id.startsWith('preset-')).flatMap((command) => keysOf(command, own))
  const usual = presets.join('') === '123456789'
  const viewer = commands.filter(({ id }) => !id.startsWith('preset-') || id === 'preset-1').map((command) => (command.id !== 'preset-1' ? line(command, keysOf(command, own)) : usual ? { ...line(command, []), keys: '1 – 9' } : line(command, presets)))
  return [...KEYS.map(([keys, word]) => ({ keys, zh: say('zh', word), en: say('en', word) })), ...viewer]
}

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
