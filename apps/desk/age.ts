/** Ages of children, written the same way on every page, in the images' corners and on paper (ris/patients/rules.py, tests/ages.json). */

/** Newborns in days (≤ 28), then months until 2 years, then years; `months` are those beyond the full years, below seven years. */
export interface Age { value: number; unit: 'D' | 'M' | 'Y'; months: number }

const NEWBORN_DAYS = 28
const TODDLER_MONTHS = 24
const MONTHS_SAID_BELOW = 7
const UNITS = { D: ['天', ' d'], M: ['月', ' mo'], Y: ['岁', ' y'] } as const

/** `2026-11-23` or `20261123`; null when it is no day of the calendar. */
export function calendarDay(text: string | null | undefined): Date | null {
  const match = /^(\d{4})-?(\d\d)-?(\d\d)$/.exec(text ?? '')
  if (!match) return null
  const [year, month, date] = [Number(match[1]), Number(match[2]), Number(match[3])]
  const day = new Date(Date.UTC(year, month - 1, date))
  return day.getUTCFullYear() === year && day.getUTCMonth() === month - 1 ? day : null
}

/** The age on a day; null when one of the two is not known or lies behind the other. */
export function ageAt(birth: string | null | undefined, day: string | null | undefined): Age | null {
  const [from, to] = [calendarDay(birth), calendarDay(day)]
  if (!from || !to || to < from) return null
  const days = Math.round((to.getTime() - from.getTime()) / 86_400_000)
  const months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth() - (to.getUTCDate() < from.getUTCDate() ? 1 : 0)
  if (days <= NEWBORN_DAYS || months === 0) return { value: days, unit: 'D', months: 0 }
  if (months < TODDLER_MONTHS) return { value: months, unit: 'M', months: 0 }
  const years = Math.floor(months / 12)
  return { value: years, unit: 'Y', months: years < MONTHS_SAID_BELOW ? months % 12 : 0 }
}

/** `5天`, `14月`, `3岁2月`, `9岁`; empty when it is not known. */
export function ageWords(age: Age | null | undefined, lang: 'zh' | 'en'): string {
  if (!age) return ''
  const place = lang === 'zh' ? 0 : 1
  const beyond = age.months ? (lang === 'zh' ? `${age.months}月` : ` ${age.months} mo`) : ''
  return `${age.value}${UNITS[age.unit][place]}${beyond}`
}

/** The age in months, a begun month by its days, so that the whole ones are those of `ageAt`; null as there. */
export function monthsAt(birth: string | null | undefined, day: string | null | undefined): number | null {
  const [from, to] = [calendarDay(birth), calendarDay(day)]
  if (!from || !to || to < from) return null
  const full = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth() - (to.getUTCDate() < from.getUTCDate() ? 1 : 0)
  const on = (months: number): number => {
    const last = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0))
    return Date.UTC(last.getUTCFullYear(), last.getUTCMonth(), Math.min(from.getUTCDate(), last.getUTCDate()))
  }
  return full + Math.min(0.99, (to.getTime() - on(full)) / (on(full + 1) - on(full)))
}

/** Months as an age, those beyond the full years always said: `18月`, `3岁6月`, `9岁4月`. */
export function monthsWords(months: number, lang: 'zh' | 'en'): string {
  const full = Math.floor(months)
  return full < TODDLER_MONTHS ? ageWords({ value: full, unit: 'M', months: 0 }, lang) : ageWords({ value: Math.floor(full / 12), unit: 'Y', months: full % 12 }, lang)
}
