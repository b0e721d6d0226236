/** What protocols are called, and what they say, in the reader's language. */
import { bodyPartWord } from '../../desk/components'
import type { Fit } from '../../viewer/hanging/fitting'
import type { OwnProtocol } from '../../viewer/hanging/own'
import type { Plan } from '../../viewer/hanging/plan'
import { isWord, say, type Lang } from '../words'

export const hangingName = (lang: Lang, plan: Pick<Plan, 'protocol'> | null): string => (plan ? plan.protocol[lang] : say(lang, 'hanging_none'))

export function ageWord(lang: Lang, days: number | null): string {
  if (days === null) return ''
  const key = `age_${days}`
  return isWord(key) ? say(lang, key) : say(lang, 'age_other', { n: days })
}

/** `0–28天` reads as the doctor says it: from–below. */
function bandWord(lang: Lang, value: string): string {
  const [from, below] = value.split('–')
  return [ageWord(lang, Number(from) || null) || '0', ageWord(lang, below ? Number(below) : null)].join('–')
}

export function whyWords(lang: Lang, fit: Fit | null): string {
  if (!fit) return say(lang, 'hanging_by_hand')
  return fit.why.map(({ by, value }) => (by === 'part' ? bodyPartWord(value, lang) : by === 'age' ? bandWord(lang, value) : value)).join(' · ') || say(lang, 'any')
}

/** What a saved protocol shows, cell by cell, in a few words. */
export function cellWords(lang: Lang, { cells }: OwnProtocol): string[] {
  return cells.map((cell) => {
    if (!cell) return '–'
    const view = cell.view === 'images' ? '' : say(lang, `view_${cell.view}`)
    const turn = [cell.rotation ? `↻${cell.rotation}°` : '', cell.mirrored ? say(lang, 'hanging_mirrored') : ''].filter(Boolean).join(' ')
    return [
      cell.prior ? say(lang, 'hanging_prior', { n: cell.prior }) : '', cell.series.description || say(lang, 'hanging_series', { n: cell.series.position + 1 }), view, turn,
      cell.window ? `${Math.round(cell.window.width)}/${Math.round(cell.window.center)}` : '',
    ].filter(Boolean).join(' ')
  })
}
