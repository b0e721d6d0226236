import { describe, expect, it } from 'vitest'

import { average, change, count, duration, moment, share } from './format'

describe('formats', () => {
  it('writes numbers', () => {
    expect(count(12345)).toBe('12,345')
    expect(count(null)).toBe('–')
    expect(average(3)).toBe('3.0')
    expect(share(0.12345)).toBe('12.3%')
  })
  it('writes durations in the unit that fits', () => {
    expect(duration(0.5, 'zh')).toBe('30 秒')
    expect(duration(38.4, 'zh')).toBe('38 分')
    expect(duration(59.7, 'zh')).toBe('1 时 00 分')
    expect(duration(125, 'en')).toBe('2 h 05 min')
    expect(duration(76 * 60, 'zh')).toBe('3 天 4 时')
    expect(duration(null, 'zh')).toBe('–')
  })
  it('writes changes without judging them', () => {
    expect(change(0.123, null)).toEqual({ arrow: '▲', text: '12.3%' })
    expect(change(-0.05, '个百分点')).toEqual({ arrow: '▼', text: '5.0 个百分点' })
    expect(change(0.0001, null)).toEqual({ arrow: '=', text: '0%' })
    expect(change(null, null)).toBeNull()
  })
  it('writes moments in the calendar of the figures', () => {
    expect(moment('2026-11-22T16:05:09.000Z', 'Asia/Shanghai')).toBe('2026-11-23 00:05')
  })
})
