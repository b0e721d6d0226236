/** The language of the page (zh or en), switched while running, and catalogues of words. */
import { ref, watch } from 'vue'

import type { Lang } from './problem'

const KEEP = 'hub.lang'

function first(): Lang {
  try {
    const kept = localStorage.getItem(KEEP)
    if (kept === 'zh' || kept === 'en') return kept
  } catch {
    // Storage may be forbidden by policy; the default is good.
  }
  return 'zh'
}

export const lang = ref<Lang>(first())

watch(
  lang,
  (now) => {
    document.documentElement.lang = now === 'zh' ? 'zh-CN' : 'en'
    try {
      localStorage.setItem(KEEP, now)
    } catch {
      // As above.
    }
  },
  { immediate: true },
)

export type Catalogue = Record<string, Record<Lang, string>>
export type Say<C extends Catalogue> = (key: keyof C & string, values?: Record<string, string | number>) => string

/** `{n}` becomes the value, `{n|item|items}` the word for one or for any other number. */
export function filled(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)(?:\|([^|{}]*)\|([^|{}]*))?\}/g, (whole, name: string, one?: string, more?: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return one === undefined || more === undefined ? String(value) : String(value) === '1' ? one : more
  })
}

/**
 * Words of one desk: `const say = t({ rows: { zh: '{n} 项', en: '{n} rows' } })`, then `say('rows', { n: 3 })`.
 * Reading it in a template or computed value follows the language.
 */
export function t<C extends Catalogue>(catalogue: C): Say<C> {
  return (key, values) => {
    const text = catalogue[key]?.[lang.value] ?? key
    return values ? filled(text, values) : text
  }
}
