import { describe, expect, it } from 'vitest'

import { day, waitingWords } from './wording'
import { CATALOGUE, say } from './words'

describe('words of a case', () => {
  it('says waiting as hours and minutes, then days', () => {
    const now = Date.parse('2026-11-23T09:00:00Z')
    expect(waitingWords('zh', '2026-11-23T08:42:10Z', now)).toBe('00:17')
    expect(waitingWords('zh', '2026-11-22T09:00:01Z', now)).toBe('23:59')
    expect(waitingWords('zh', '2026-11-20T05:00:00Z', now)).toBe('3天4时')
    expect(waitingWords('en', '2026-11-24T05:00:00Z', now)).toBe('00:00')
    expect(waitingWords('zh', null, now)).toBe('')
  })

  it('writes DICOM dates and ISO dates the same way', () => {
    expect(day('20261123')).toBe('2026-11-23')
    expect(day('2026-11-23')).toBe('2026-11-23')
    expect(day('nonsense')).toBe('')
  })

  it('has every text in both languages with the same places to fill, and no Chinese in the English ones', () => {
    for (const [key, [zh, en]] of Object.entries(CATALOGUE)) {
      expect([...zh.matchAll(/\{\w+\}/g)].map(String).sort(), key).toEqual([...en.matchAll(/\{\w+\}/g)].map(String).sort())
      expect(en, key).not.toMatch(/[\u4e00-\u9fff]/)
      expect(Boolean(zh), key).toBe(Boolean(en))
      expect(zh + en, key).not.toMatch(/[!！]/)
    }
    expect(say('zh', 'count', { n: 212 })).toBe('212 项')
  })
})
