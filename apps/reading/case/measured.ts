/** A measurement in words: its kind, and its value as it stands on the image. */
import type { Measurement } from '../../viewer/api'
import { isKind, isNote } from '../../viewer/measure/kinds'
import { unitText, valueText } from '../../viewer/measure/length'
import { isWord, say, type Lang } from '../words'

export function kindWord(lang: Lang, kind: string): string {
  const word = `tool_${kind}`
  return isWord(word) ? say(lang, word) : say(lang, 'marking_other')
}

/** Lengths and areas as the viewer writes them on the image: three digits that matter. */
function amount(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(1)
}

/** The value with its unit, then what else was found (mean of a region); of an annotation what was written. */
export function valueWords(lang: Lang, { kind, value, unit, stats, text, labels }: Measurement): string[] {
  if (isKind(kind) && isNote(kind)) return ['', ...(text ? text.split('\n') : [])]
  const of = (text: string): string => (unit === '' ? text : unit === '°' ? `${text}${unit}` : `${text} ${unitText(unit, lang)}`)
  if (value === null || value === undefined) return ['—']
  if (Array.isArray(value) && labels) {
    const parts = value.map((part, at) => `${labels[at] ?? ''} ${of(part.toFixed(1))}`)
    return value.length <= 2 ? [parts.join('  ')] : [parts.at(-1) as string, ...parts.slice(0, -1)]
  }
  if (Array.isArray(value)) return [of(value.map(valueText).join(' '))]
  if (unit === '°') return [of(value.toFixed(1))]
  if (kind === 'probe') return [of(valueText(value))]
  return [of(amount(value)), ...(stats ? [say(lang, 'marking_mean', { mean: valueText(stats.mean), sd: valueText(stats.sd) })] : [])]
}
