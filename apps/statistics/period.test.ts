import { describe, expect, it } from 'vitest'

import { periodOf, presetOf, shifted, todayIn } from './period'

describe('periods', () => {
  it('takes the day from the calendar of the figures', () => {
    const evening = new Date('2026-11-22T16:30:00Z')
    expect(todayIn('Asia/Shanghai', evening)).toBe('2026-11-23')
    expect(todayIn('UTC', evening)).toBe('2026-11-22')
  })
  it('counts both ends', () => {
    expect(periodOf('today', '2026-11-23')).toEqual({ from: '2026-11-23', to: '2026-11-23' })
    expect(periodOf('week', '2026-03-03')).toEqual({ from: '2026-02-25', to: '2026-03-03' })
    expect(periodOf('month', '2026-11-23')).toEqual({ from: '2026-10-25', to: '2026-11-23' })
    expect(periodOf('this_month', '2026-11-23')).toEqual({ from: '2026-11-01', to: '2026-11-23' })
    expect(periodOf('this_year', '2026-11-23')).toEqual({ from: '2026-01-01', to: '2026-11-23' })
  })
  it('crosses leap days and years', () => {
    expect(shifted('2028-02-28', 1)).toBe('2028-02-29')
    expect(shifted('2026-01-01', -1)).toBe('2025-12-31')
  })
  it('knows a preset again, and a free period as none', () => {
    expect(presetOf({ from: '2026-11-17', to: '2026-11-23' }, '2026-11-23')).toBe('week')
    expect(presetOf({ from: '2026-11-16', to: '2026-11-23' }, '2026-11-23')).toBeNull()
  })
})
