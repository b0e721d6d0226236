import { describe, expect, it, vi } from 'vitest'

import { Problem, type Api } from '../desk/shell'
import { BLANK, Conflict, contentOf, differs, draftOf, type Entry, excerpt, missing, save, tagsOf } from './entries'

const words = { zh: { title: '', action: '' }, en: { title: '', action: '' } }
const entry = (over: Partial<Entry> = {}): Entry => ({
  id: 7, version: 3, title: '支气管肺炎', body: '双肺纹理增粗', body_part: '胸部', modality: 'CR', tags: ['肺炎', '婴幼儿'], updated_at: '2026-11-23T01:05:00Z', author: null, ...over,
})
function apiWith(put: () => unknown, current: Entry): Api {
  return { get: vi.fn(async () => current), put: vi.fn(async () => put()), post: vi.fn(), delete: vi.fn(), raw: vi.fn() } as unknown as Api
}

describe('entries', () => {
  it('splits tags by any separator people type', () => {
    expect(tagsOf('肺炎，婴幼儿、 CR;肺炎  胸片')).toEqual(['肺炎', '婴幼儿', 'CR', '胸片'])
  })
  it('comes back from editing unchanged', () => {
    expect(contentOf(draftOf(entry()))).toEqual({ title: '支气管肺炎', body: '双肺纹理增粗', body_part: '胸部', modality: 'CR', tags: ['肺炎', '婴幼儿'] })
    expect(differs(draftOf(entry()), { ...draftOf(entry()), tags: '肺炎 婴幼儿 ' })).toBe(false)
  })
  it('needs a title and a text', () => {
    expect(missing({ ...BLANK, title: ' ' })).toEqual(['title', 'body'])
  })
  it('cuts long texts for the list', () => {
    expect(excerpt('一\n二', 10)).toBe('一 二')
    expect(excerpt('一二三四', 2)).toBe('一二…')
  })
  it('reports a conflict with what is saved now', async () => {
    const theirs = entry({ version: 4, body: '别人的内容' })
    const api = apiWith(() => { throw new Problem(409, 'row.version', words) }, theirs)
    await expect(save(api, { ...draftOf(entry()), body: '我的内容' }, entry(), 'k')).rejects.toMatchObject(new Conflict(theirs))
  })
  it('takes its own save with a lost answer for done', async () => {
    const mine = { ...draftOf(entry()), body: '我的内容' }
    const api = apiWith(() => { throw new Problem(409, 'row.version', words) }, entry({ version: 4, body: '我的内容' }))
    await expect(save(api, mine, entry(), 'k')).resolves.toMatchObject({ version: 4 })
  })
})
