/** Periods of local calendar days, as `YYYY-MM-DD`, both ends included. */

export type Preset = 'today' | 'week' | 'month' | 'quarter' | 'this_month' | 'this_year'
export const PRESETS: readonly Preset[] = ['today', 'week', 'month', 'quarter', 'this_month', 'this_year']

export interface Period {
  from: string
  to: string
}

/** The day it is now in a time zone: the calendar of the figures, not that of the computer in front of the reader. */
export function todayIn(zone: string, now: Date = new Date()): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(now)
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')}`
}

/** `days` later (or earlier); calendar arithmetic in UTC, where no day has 23 hours. */
export function shifted(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}

export function periodOf(preset: Preset, today: string): Period {
  switch (preset) {
    case 'today':
      return { from: today, to: today }
    case 'week':
      return { from: shifted(today, -6), to: today }
    case 'month':
      return { from: shifted(today, -29), to: today }
    case 'quarter':
      return { from: shifted(today, -89), to: today }
    case 'this_month':
      return { from: `${today.slice(0, 8)}01`, to: today }
    case 'this_year':
      return { from: `${today.slice(0, 5)}01-01`, to: today }
  }
}

/** Which preset a period is, if any. */
export function presetOf(period: Period, today: string): Preset | null {
  return PRESETS.find((preset) => {
    const own = periodOf(preset, today)
    return own.from === period.from && own.to === period.to
  }) ?? null
}
