import { reactive, ref, shallowRef, type Ref } from 'vue'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { knownProblem, Problem, type Me } from '../../desk/shell'
import type { KeyImage } from '../../viewer/api'
import { memoryStore } from '../keptStore'
import type { KeyImageRecord, TakenKeyImage, Text } from '../records'
import type { ReportSession } from '../report/reportSession'
import { sameText, textOf } from '../report/reportSession'
import { useKeyImages, type KeptKeyImages } from './useKeyImages'

const WORDS = { zh: { title: '', action: '' }, en: { title: '', action: '' } }

function image(id: string, study = '1'): KeyImage {
  return { id, study, series: '1.1', sop_uid: '1.1.7', frame: 0, index: 6, made: 'image', plane: null, caption: '', window: null, gamma: 1, inverted: false, zoom: 1, rotation: 0, mirrored: false, author: 'me', created: '2026-01-01' }
}

/** Records with versions, as ris keeps them (independent of the code under test); can be told to be away or to refuse. */
function bench(mode: 'write' | 'read' = 'write') {
  const rows = new Map<string, KeyImageRecord>()
  const world = { rows, log: [] as string[], fail: null as Problem | null, away: null as Problem | null, told: [] as string[], marked: [] as string[] }
  let clock = 0
  const answer = (id: string, change: Partial<KeyImageRecord>): KeyImageRecord => {
    const before = rows.get(id)
    const author = { username: 'me', name: '' }
    const row: KeyImageRecord = { id, reference: image(id), caption: '', digest: `d-${id}`, author, created_at: String((clock += 1)), removed: false, changeable: true, ...before, ...change, version: (before?.version ?? 0) + 1, updated_at: '2026-11-23T01:05:12Z' }
    rows.set(id, row)
    return row
  }
  const conflict = (id: string, version: number | null): void => {
    if (world.fail) throw world.fail
    const row = rows.get(id)
    if (row && version !== row.version) throw new Problem(409, 'row.version', WORDS, { current: row })
  }
  const text = reactive<Text>({ findings: '', impression: '', positive: null, key_images: [] })
  const state = ref(mode)
  const session = shallowRef({ row: { exam_id: 7 }, text, mode: state, report: shallowRef(null), type: (change: Partial<Text>) => void Object.assign(text, change) } as unknown as ReportSession)
  const kept = memoryStore<KeptKeyImages>()
  const make = () =>
    useKeyImages({
      records: {
        keyImages: async () => {
          if (world.away) throw world.away
          return [...rows.values()]
        },
        putKeyImage: async (_, id, version, caption, _image, picture) => {
          conflict(id, version)
          world.log.push(`put ${id} v${version ?? '-'} ${caption}${picture ? ' +picture' : ''}`)
          if (!rows.has(id) && !picture) throw new Problem(404, 'row.not_found', WORDS)
          return answer(id, { caption: caption.trim(), removed: false })
        },
        removeKeyImage: async (_, id, version) => {
          conflict(id, version)
          world.log.push(`remove ${id} v${version ?? '-'}`)
          if (!rows.has(id)) throw new Problem(404, 'row.not_found', WORDS)
          return answer(id, { removed: true })
        },
        keyPictureAddress: (exam, id) => `/exams/${exam}/${id}`,
        reportPictureAddress: (id, digest) => `/reports/${id}/${digest}`,
      },
      kept,
      me: shallowRef({ username: 'me', operations: ['report.write'] }) as unknown as Ref<Me | null>,
      session,
      mark: (images) => void (world.marked = images.map(({ id }) => id)),
      follow: () => () => undefined,
      studies: () => ['1'],
      tell: (what) => world.told.push(typeof what === 'string' ? what : what.code),
    })
  return { world, make, text, state, kept, taken: (): string[] => (text.key_images ?? []).map(({ id }) => id) }
}

const picture = new Blob(['x'])
const settle = () => vi.advanceTimersByTimeAsync(1)

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('URL', Object.assign(URL, { createObjectURL: () => 'blob:x', revokeObjectURL: () => undefined }))
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('key images', () => {
  it('go into the report when ris has them, in the order of making, and can be moved, left out and taken again', async () => {
    const { world, make, taken, text } = bench()
    const images = make()
    images.open({ exam_id: 7 })
    await settle()
    images.made({ image: image('a'), picture })
    expect(images.list.value.map(({ id, saved, source }) => [id, saved, source])).toEqual([['a', false, 'blob:x']])
    await settle()
    images.made({ image: image('b'), picture })
    images.made({ image: image('c'), picture })
    await settle()
    expect(taken()).toEqual(['a', 'b', 'c'])
    expect(world.told).toEqual(['taken', 'taken', 'taken'])
    expect(images.list.value.map(({ number, saved, source }) => [number, saved, source])).toEqual([[1, true, '/exams/7/a'], [2, true, '/exams/7/b'], [3, true, '/exams/7/c']])
    images.move('c', -1)
    images.move('a', -1)
    expect(taken()).toEqual(['a', 'c', 'b'])
    images.leave('a')
    expect(images.list.value.map(({ id, number }) => [id, number])).toEqual([['c', 1], ['b', 2], ['a', null]])
    images.take('a')
    images.caption('a', '结节')
    expect(text.key_images?.at(-1)).toEqual({ id: 'a', digest: 'd-a', caption: '结节' })
    images.captioned('a')
    await settle()
    expect(world.log.at(-1)).toBe('put a v1 结节')
    expect(world.marked).toEqual(['a', 'b', 'c'])
  })

  it('are not put into a report that cannot be changed, and one of a prior exam is not kept at all', async () => {
    const { world, make, taken, state } = bench('read')
    const images = make()
    images.open({ exam_id: 7 })
    images.made({ image: image('a'), picture })
    images.made({ image: image('p', 'prior'), picture })
    await settle()
    expect(world.told).toEqual(['prior', 'left_out'])
    expect([taken(), [...world.rows.keys()]]).toEqual([[], ['a']])
    expect(images.list.value.map(({ number }) => number)).toEqual([null])
    // the report was recalled: what was made meanwhile is taken
    state.value = 'write'
    await settle()
    expect(taken()).toEqual(['a'])
  })

  it('are kept here with their pictures while ris is away, and the next page sends them', async () => {
    const { world, make, kept, taken } = bench()
    world.fail = knownProblem('network.down')
    const images = make()
    images.open({ exam_id: 7 })
    await settle()
    images.made({ image: image('a'), picture })
    await settle()
    expect(images.save.value.kind).toBe('kept')
    // said once for each, and not again by each try; never that the report has it
    await vi.advanceTimersByTimeAsync(20_000)
    expect(world.told).toEqual(['waiting'])
    expect((await kept.get('me 7'))?.changes[0]?.picture).toBe(picture)
    expect(taken()).toEqual([])
    expect(await images.flush()).toBe(false)
    images.dispose()
    world.fail = null
    const after = make()
    // sent before its case is open: the report takes it then
    await settle()
    expect([world.log.length, taken()]).toEqual([1, []])
    after.open({ exam_id: 7 })
    await settle()
    expect(world.log).toEqual(['put a v-  +picture'])
    expect(taken()).toEqual(['a'])
    expect(await kept.get('me 7')).toBeNull()
  })

  it('do not promise the report what it cannot take, while ris is away', async () => {
    const { world, make } = bench('read')
    world.fail = knownProblem('network.down')
    const images = make()
    images.open({ exam_id: 7 })
    images.made({ image: image('a'), picture })
    await settle()
    expect(world.told).toEqual(['waiting_left'])
    // the first one stands before it, and is all that is tried
    images.made({ image: image('b'), picture })
    await settle()
    expect(world.told).toEqual(['waiting_left', 'waiting_left'])
    world.fail = null
    images.reconnected()
    await settle()
    // it was told that they are saved later: when they are, the strip says so
    expect([world.log.length, world.told.length]).toEqual([2, 2])
    images.made({ image: image('c'), picture })
    images.close()
    await settle()
    // the case was left: its late success is no word for the next one
    expect([world.log.length, world.told.length]).toEqual([3, 2])
  })

  it('stay here with the reason when ris refuses them, and go when they are removed or accepted', async () => {
    const { world, make, kept, taken } = bench()
    world.fail = new Problem(409, 'key_image.too_many', WORDS)
    const images = make()
    images.open({ exam_id: 7 })
    images.made({ image: image('a'), picture })
    images.made({ image: image('b'), picture })
    await settle()
    expect(world.told).toEqual(['key_image.too_many', 'key_image.too_many'])
    expect(images.list.value.map(({ id, problem }) => [id, problem?.code])).toEqual([['a', 'key_image.too_many'], ['b', 'key_image.too_many']])
    expect((await kept.get('me 7'))?.changes).toHaveLength(2)
    world.fail = null
    images.remove('b')
    images.again()
    await settle()
    expect(taken()).toEqual(['a'])
    expect(world.told.at(-1)).toBe('taken')
    expect(images.list.value.map(({ id }) => id)).toEqual(['a'])
    expect(await kept.get('me 7')).toBeNull()
  })

  it('removed, they leave the report too, and undo brings them back to their place', async () => {
    const { world, make, taken } = bench()
    const images = make()
    images.open({ exam_id: 7 })
    await settle()
    for (const id of ['a', 'b', 'c']) images.made({ image: image(id), picture })
    await settle()
    images.caption('b', '第二')
    const undo = images.remove('b')
    expect(taken()).toEqual(['a', 'c'])
    await settle()
    expect(world.rows.get('b')?.removed).toBe(true)
    expect(images.list.value.map(({ id }) => id)).toEqual(['a', 'c'])
    undo()
    await settle()
    expect(taken()).toEqual(['a', 'b', 'c'])
    expect([world.rows.get('b')?.removed, world.rows.get('b')?.caption]).toEqual([false, '第二'])
  })

  it('removed elsewhere, one that the report has is still there and says so; a caption goes over a newer version', async () => {
    const { world, make, taken } = bench()
    const images = make()
    images.open({ exam_id: 7 })
    await settle()
    for (const id of ['a', 'b']) images.made({ image: image(id), picture })
    await settle()
    const [a, b] = [world.rows.get('a') as KeyImageRecord, world.rows.get('b') as KeyImageRecord]
    world.rows.set('a', { ...a, removed: true, version: 5 })
    world.rows.set('b', { ...b, caption: '别人写的', version: 9 })
    images.caption('b', '我写的')
    images.captioned('b')
    await settle()
    expect(world.rows.get('b')?.caption).toBe('我写的')
    images.reload()
    await settle()
    expect(taken()).toEqual(['a', 'b'])
    expect(images.list.value.map(({ gone }) => gone)).toEqual([true, false])
  })

  it('that could not be had are said to be missing, and come by themselves', async () => {
    const { world, make, text } = bench('read')
    const images = make()
    images.open({ exam_id: 7 })
    images.made({ image: image('a'), picture })
    await settle()
    images.close()
    world.away = knownProblem('service.away', 503)
    images.open({ exam_id: 7 })
    await settle()
    expect([images.status.value, images.list.value.length]).toEqual(['failed', 0])
    text.key_images = [{ id: 'a', digest: 'd-a', caption: '' }]
    expect(images.list.value.map(({ gone }) => gone)).toEqual([false]) // of what is not known, none was removed
    world.away = null
    await vi.advanceTimersByTimeAsync(10_000)
    expect([images.status.value, images.list.value.length]).toEqual(['ready', 1])
  })
})

describe('the text of a report', () => {
  const one: TakenKeyImage = { id: 'a', digest: 'd', caption: 'x' }
  const words = { findings: 'f', impression: 'i', positive: null }

  it('is another one with other pictures, order or captions, and none is as an empty list', () => {
    const two = { ...one, id: 'b' }
    expect(sameText(words, { ...words, key_images: [] })).toBe(true)
    expect(sameText({ ...words, key_images: [one] }, { ...words, key_images: [{ ...one }] })).toBe(true)
    expect(sameText({ ...words, key_images: [one, two] }, { ...words, key_images: [two, one] })).toBe(false)
    expect(sameText({ ...words, key_images: [one] }, { ...words, key_images: [{ ...one, caption: 'y' }] })).toBe(false)
    expect(sameText({ ...words, key_images: [one] }, { ...words, key_images: [{ ...one, digest: 'e' }] })).toBe(false)
  })

  it('is plain data, so that the browser can keep it', () => {
    const text = textOf(reactive({ ...words, key_images: [one] }))
    expect(structuredClone(text).key_images).toEqual([one])
  })
})
