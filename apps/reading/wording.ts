/** Values of a case in words: sex, waiting time, moments. */
import type { Problem } from '../desk/shell'
import type { Row } from './records'
import { isWord, say, type Lang } from './words'

export function sexWord(lang: Lang, sex: string | null): string {
  const key = `sex_${sex ?? ''}`
  return isWord(key) ? say(lang, key) : ''
}

/** Time since `from`: `00:18` within a day, then days and hours. */
export function waitingWords(lang: Lang, from: string | null, now: number): string {
  if (!from) return ''
  const minutes = Math.max(0, Math.floor((now - Date.parse(from)) / 60_000))
  if (!Number.isFinite(minutes)) return ''
  if (minutes < 24 * 60) return `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`
  const days = Math.floor(minutes / 1440)
  return days < 10 ? say(lang, 'days_hours', { d: days, h: Math.floor((minutes % 1440) / 60) }) : say(lang, 'days', { n: days })
}

function pad(value: number): string {
  return String(value).padStart(2, '0')
}

/** UTC moment → local `2026-11-23 09:05`. */
export function moment(at: string | null | undefined): string {
  const date = at ? new Date(at) : null
  if (!date || Number.isNaN(date.getTime())) return ''
  return `${day(at)} ${pad(date.getHours())}:${pad(date.getMinutes())}`
}

/** UTC moment or DICOM date (`20261123`) → local `2026-11-23`. */
export function day(at: string | null | undefined): string {
  if (!at) return ''
  if (/^\d{8}$/.test(at)) return `${at.slice(0, 4)}-${at.slice(4, 6)}-${at.slice(6)}`
  if (/^\d{4}-\d\d-\d\d$/.test(at)) return at
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return ''
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

/** UTC moment → local `09:05:12`. */
export function clock(at: string): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '' : `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

export function examDate(row: Row): string {
  return day(row.performed_at ?? row.arrived_at ?? row.ordered_at)
}

export function hospitalName(lang: Lang, row: Row): string {
  return (lang === 'en' && row.institution.name_en) || row.institution.name
}

/** What happened and what to do, in the words that the service sent. */
export function problemWords(lang: Lang, problem: Problem | null): string {
  const words = problem?.words[lang]
  if (!words?.title) return say(lang, 'unknown_problem')
  const stop = lang === 'zh' ? '。' : '. '
  return words.action ? `${words.title.replace(/[。.]\s*$/, '')}${stop}${words.action}` : words.title
}
