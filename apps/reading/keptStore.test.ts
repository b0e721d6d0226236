import { afterEach, describe, expect, it } from 'vitest'

import { keeping } from '../desk/shell/keeping'
import { knownProblem } from '../desk/shell/problem'
import { say as shared } from '../desk/components/words'
import { laterStore, openStore, type Kept } from './keptStore'
import { UNKEPT } from './unkeptWords'
import { CATALOGUE, isWord, say } from './words'

interface One extends Kept { text: string }

const refusing = { open: () => { throw new DOMException('denied', 'SecurityError') } } as unknown as IDBFactory

afterEach(() => void (keeping.value = true))

describe('what is kept on this computer', () => {
  it('is not durable without IndexedDB or where it is refused, and is there all the same while the page lives', async () => {
    for (const factory of [null as unknown as IDBFactory, refusing]) {
      const store = laterStore(openStore<One>('a', 'b', factory))
      expect(await store.durable).toBe(false)
      await store.put({ key: '1', text: '双肺' })
      expect(await store.get('1')).toEqual({ key: '1', text: '双肺' })
    }
  })

  it('is said to be kept only where it is', () => {
    const says = /已(保存|写内容保存)在本机|暂存在本机|kept (on this computer|here)/
    const told = Object.entries(CATALOGUE).filter(([key, [zh, en]]) => says.test(zh + en) && key !== 'display_unsent').map(([key]) => key)
    expect(told.length).toBeGreaterThan(3)
    keeping.value = false
    for (const key of told) {
      if (!isWord(key)) throw new Error(key)
      for (const lang of ['zh', 'en'] as const) expect(say(lang, key), key).not.toMatch(says)
    }
    expect(shared('cut', { n: 3 })).toContain('请勿关闭')
    expect(JSON.stringify(knownProblem('network.down').words)).not.toMatch(says)
    expect(Object.keys(UNKEPT).filter((key) => !isWord(key))).toEqual([])
    for (const [key, words] of Object.entries(UNKEPT)) expect(words?.[1] ?? '', key).not.toMatch(/[\u4e00-\u9fff]/)
  })
})
