/** The bone-age atlas of the centre: its plates, which of them stands nearest to a child, and what a report says of one. Pure. */
import { monthsAt, monthsWords } from '../../desk/age'
import type { Row } from '../records'
import { say, type Lang } from '../words'

export const SEXES = ['M', 'F'] as const
export type Sex = (typeof SEXES)[number]
export interface Plate { sex: Sex; months: number; digest: string }
export interface AtlasFault { code: string; entry: number | null; file: string | null; words: { zh: string; en: string } }
/** Plates from young to old. Not installed: the centre has put none into its folder. */
export interface Atlas { installed: boolean; name: { zh: string; en: string } | null; plates: Plate[]; faults: AtlasFault[] }

/** What is known of the child; null where the record does not say it, and nobody guesses. */
export interface Child { sex: Sex | null; months: number | null }

export function isSex(sex: string | null): sex is Sex {
  return SEXES.some((one) => one === sex)
}

/** At the exam: the day that ris counted the age to. */
export function childOf({ patient }: Pick<Row, 'patient'>): Child {
  const birth = patient.birth_date ? Date.parse(patient.birth_date) : NaN
  const day = patient.age && Number.isFinite(birth) ? new Date(birth + patient.age.days * 86_400_000).toISOString().slice(0, 10) : null
  return { sex: isSex(patient.sex) ? patient.sex : null, months: monthsAt(patient.birth_date, day) }
}

/** Those of a sex, from young to old. */
export function ofSex(plates: readonly Plate[], sex: Sex): Plate[] {
  return plates.filter((plate) => plate.sex === sex).sort((a, b) => a.months - b.months)
}

export interface Nearest {
  /** Place among the plates. */
  at: number
  /** The child is younger or older than every plate. */
  outside: '' | 'younger' | 'older'
}

/** The plate (of one sex, from young to old) nearest to an age; between two it is the younger. Null when there is none. */
export function nearest(plates: readonly Plate[], months: number): Nearest | null {
  const [first, last] = [plates[0], plates[plates.length - 1]]
  if (!first || !last) return null
  let at = 0
  plates.forEach((plate, place) => {
    if (Math.abs(plate.months - months) < Math.abs((plates[at] as Plate).months - months)) at = place
  })
  return { at, outside: months < first.months ? 'younger' : Math.floor(months) > last.months ? 'older' : '' }
}

/** `骨龄约 3岁6月（中华 05）`: for a report; the sex is said where it is not the child's. */
export function sentence(lang: Lang, plate: Plate, name: Atlas['name'], child: Sex | null): string {
  const from = [name?.[lang] ?? '', plate.sex === child ? '' : say(lang, `atlas_of_${plate.sex}`)].filter(Boolean).join(lang === 'zh' ? '，' : ', ')
  return `${say(lang, 'atlas_said', { age: monthsWords(plate.months, lang) })}${from && say(lang, 'atlas_said_by', { from })}`
}

/** How much older or younger a plate is than the child, in full months. */
export function difference(lang: Lang, plate: Plate, months: number): string {
  const more = plate.months - Math.floor(months)
  return more === 0 ? say(lang, 'atlas_same') : say(lang, more > 0 ? 'atlas_above' : 'atlas_below', { much: monthsWords(Math.abs(more), lang) })
}
