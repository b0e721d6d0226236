import { afterEach, describe, expect, it } from 'vitest'

import { keeping } from '../desk/shell/keeping'
import { knownProblem } from '../desk/shell/problem'
import { say as shared } from '../desk/components/words'
import { Keeping, laterStore, memoryStore, openStore, type Kept, type KeptStore } from './keptStore'
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

  it('is not kept when the disk is full only at the end of a write', async () => {
    const transaction = { error: new DOMException('full', 'QuotaExceededError') } as unknown as IDBTransaction & { onabort(): void }
    const soon = <T>(asked: T): T => (queueMicrotask(() => (asked as { onsuccess?(): void }).onsuccess?.()), asked)
    const put = (): unknown => {
      setTimeout(() => transaction.onabort())
      return soon({ transaction })
    }
    const database = { transaction: () => ({ objectStore: () => ({ put }) }) }
    const store = await openStore<One>('a', 'b', { open: () => soon({ result: database }) } as unknown as IDBFactory)
    expect(store.durable).toBe(true)
    await expect(store.put({ key: '1', text: '双肺' })).rejects.toThrow('full')
  })

  it('is all kept only while every store keeps and nothing is left that could not be written', async () => {
    let full = false
    const disk: KeptStore<One> = { ...memoryStore<One>(), durable: true, put: () => (full ? Promise.reject(new Error('full')) : Promise.resolve()) }
    let kept: boolean | null = null
    const keep = new Keeping((now) => void (kept = now))
    const [texts, markings] = [keep.watch(disk), keep.watch(disk)]
    await texts.put({ key: '1', text: '' })
    expect(kept).toBe(true)
    full = true
    await expect(texts.put({ key: '1', text: '双肺' })).rejects.toThrow('full')
    await expect(markings.put({ key: '1', text: '' })).rejects.toThrow('full')
    full = false
    await texts.put({ key: '1', text: '双肺' })
    expect(kept, 'the marking is still not kept').toBe(false)
    await markings.remove('1') // ris has it
    expect(kept).toBe(true)
    await keep.watch(laterStore(Promise.resolve(memoryStore<One>()))).put({ key: '1', text: '' })
    expect(kept, 'one that only remembers').toBe(false)
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
