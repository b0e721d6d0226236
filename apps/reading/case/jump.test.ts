import { describe, expect, it } from 'vitest'

import type { KeyImage, Viewer } from '../../viewer/api'
import { ALL, Toolset } from '../../viewer/toolset'
import { jumpToKeyImage } from './jump'

const key = (more: Partial<KeyImage>): KeyImage => ({ id: 'k', study: '1', series: '1.1', sop_uid: '', frame: 0, index: 4, made: 'mpr', plane: 'coronal', caption: '', window: { center: 40, width: 400, function: 'LINEAR' }, gamma: 1, inverted: false, zoom: 1, rotation: 0, mirrored: false, author: 'me', created: '', ...more })
const plane = { made: 'mpr', plane: 'coronal', row: [1, 0, 0], column: [0, 0, -1], through: [1, 2, 3], slab: null } as KeyImage['reconstruction']

/** What was asked of a viewer that shows (or will show) the series. */
function asked(image: KeyImage, showing: boolean, tools = [ALL]): { calls: string[]; presented: unknown[]; lacking: string[]; arrive(): void; opened: (number | undefined)[] } {
  const calls: string[] = []
  const presented: unknown[] = []
  let shown: ((now: { series: string }) => void) | null = null
  const viewer = new Proxy({}, {
    get: (_, name: string) => (...args: unknown[]) => {
      if (name === 'state') return { index: 7 }
      if (name === 'on') {
        shown = args[1] as typeof shown
        return () => undefined
      }
      calls.push(name)
      if (name === 'present') presented.push(args[0])
      return undefined
    },
  }) as Viewer
  const opened: (number | undefined)[] = []
  const lacking: string[] = []
  jumpToKeyImage({ viewer, showing: () => showing }, (index) => opened.push(index), image, new Toolset(tools), (missing) => lacking.push(missing))
  return { calls, presented, opened, lacking, arrive: () => shown?.({ series: image.series }) }
}

describe('a key image is gone to', () => {
  it('as the very plane it was, where it says how that lay', () => {
    const image = key({ reconstruction: plane })
    const { calls, presented } = asked(image, true)
    expect(presented).toEqual([image])
    expect(calls).not.toContain('mpr')
  })
  it('by its kind alone, where it is of earlier days', () => {
    expect(asked(key({}), true).calls).toEqual(['scrollTo', 'setWindow', 'mpr'])
    expect(asked(key({ made: 'rendering', plane: null }), true).calls).toEqual(['scrollTo', 'setWindow', 'rendering'])
    expect(asked(key({ made: 'cpr', plane: null, reconstruction: null }), true).calls).toEqual(['scrollTo', 'setWindow', 'mpr'])
  })
  it('when its series has come, where another is shown', () => {
    const image = key({ reconstruction: plane })
    const one = asked(image, false)
    expect([one.opened, one.presented]).toEqual([[undefined], []])
    one.arrive()
    expect(one.presented).toEqual([image])
  })
  it('as far as to its series, in words, where the reader has not got what computes it', () => {
    const curved = key({ made: 'cpr', plane: null, reconstruction: { made: 'cpr' } as KeyImage['reconstruction'] })
    const away = asked(curved, false, ['mpr', 'rendering'])
    away.arrive()
    expect([away.opened, away.calls, away.lacking]).toEqual([[undefined], [], ['curve']])
    const here = asked(key({ reconstruction: plane }), true, ['curve', 'rendering'])
    expect([here.opened, here.calls, here.lacking]).toEqual([[], [], ['mpr']])
    expect(asked(key({ made: 'rendering', plane: null }), true, ['mpr']).lacking).toEqual(['rendering'])
    expect(asked(key({ reconstruction: plane }), true, ['mpr'])).toMatchObject({ presented: [{ id: 'k' }], lacking: [] })
    expect(asked(key({ made: 'image', sop_uid: '1.1.5', plane: null }), true, []).lacking).toEqual([])
  })
  it('as an image by the image, near where it was', () => {
    const image = key({ made: 'image', sop_uid: '1.1.5', plane: null })
    const one = asked(image, false)
    one.arrive()
    expect([one.opened, one.presented]).toEqual([[4], [image]])
  })
})
