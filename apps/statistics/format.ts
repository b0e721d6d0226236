/** Numbers, durations and moments as people read them. */
import type { Lang } from '../desk/shell'

const NONE = '–'

export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : value.toLocaleString('en-US')
}

export function average(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : value.toLocaleString('en-US', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
}

export function share(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : `${(value * 100).toFixed(1)}%`
}

/** Minutes as 38 分, 2 时 05 分 or 3 天 4 时; seconds below one minute. */
export function duration(minutes: number | null | undefined, lang: Lang): string {
  if (minutes === null || minutes === undefined) return NONE
  if (minutes < 0) return `−${duration(-minutes, lang)}`
  const zh = lang === 'zh'
  const seconds = Math.round(minutes * 60)
  if (seconds < 60) return zh ? `${seconds} 秒` : `${seconds} s`
  const whole = Math.round(minutes)
  if (whole < 60) return zh ? `${whole} 分` : `${whole} min`
  const hours = Math.floor(whole / 60)
  const rest = String(whole % 60).padStart(2, '0')
  if (hours < 48) return zh ? `${hours} 时 ${rest} 分` : `${hours} h ${rest} min`
  const all = Math.round(minutes / 60)
  return zh ? `${Math.floor(all / 24)} 天 ${all % 24} 时` : `${Math.floor(all / 24)} d ${all % 24} h`
}

export interface Change {
  arrow: '▲' | '▼' | '='
  text: string
}

/** A change for the figures row: a share as per cent, a difference of rates in points. */
export function change(value: number | null | undefined, points: string | null): Change | null {
  if (value === null || value === undefined) return null
  const size = Math.abs(value) * 100
  const text = size.toFixed(1)
  if (Number(text) === 0) return { arrow: '=', text: '0%' }
  return { arrow: value > 0 ? '▲' : '▼', text: points === null ? `${size >= 1000 ? Math.round(size).toLocaleString('en-US') : text}%` : `${text} ${points}` }
}

/** A UTC moment as `2026-11-23 09:05` in the calendar of the figures. */
export function moment(value: string | null | undefined, zone: string): string {
  if (!value) return NONE
  const parts = new Intl.DateTimeFormat('en-GB', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hour12: false }).formatToParts(new Date(value))
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? ''
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}`
}
