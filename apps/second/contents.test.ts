import { describe, expect, it } from 'vitest'

import type { Presentation, Reconstruction } from '../viewer/api'
import { largeScreen, sameStack } from './contents'

const seen = (reconstruction: Reconstruction | null): Presentation => ({ window: null, gamma: 1, inverted: false, zoom: 2, rotation: 12.5, mirrored: true, reconstruction })
const plane: Reconstruction = { made: 'mpr', plane: 'sagittal', row: [0, 1, 0], column: [0, 0, -1], through: [1, 2, 3], slab: null }
const curve: Reconstruction = { made: 'cpr', points: [[0, 0, 0], [0, 0, 9]], mode: 'straightened', width: 60, angle: 33, slab: null }
const solid: Reconstruction = { made: 'rendering', onward: [0, 1, 0], up: [0, 0, 1], centre: [0, 0, 0], height: 200, template: 'bone', bend: { shift: 0, stretch: 1 }, crop: [[0, 1], [0, 1], [0, 1]] }
const turn = { rotation: 12.5, mirrored: true }

describe('the image being read, large', () => {
  it('is the same picture, and lies the same way', () => {
    const cell = (index: number, presentation: Presentation | null): unknown => largeScreen('1', '1.1', index, presentation).cells[0]
    expect(cell(5, seen(null))).toEqual({ study: '1', series: '1.1', index: 5, turn })
    expect(cell(5, seen(plane))).toEqual({ study: '1', series: '1.1', turn, reconstruction: plane }) // 5 is the number of a plane
    expect(cell(33, seen(curve))).toEqual({ study: '1', series: '1.1', index: 33, turn, reconstruction: curve })
    expect(cell(5, seen(solid))).toEqual({ study: '1', series: '1.1', index: 5, turn, reconstruction: solid, rendering: true })
    expect(cell(-1, null)).toEqual({ study: '1', series: '1.1', turn: { rotation: 0, mirrored: false } })
  })
  it('goes on in its view while the pictures are of one stack', () => {
    expect(sameStack(seen(plane), seen({ ...plane, through: [9, 9, 9] }))).toBe(true)
    expect([sameStack(seen(plane), seen({ ...plane, plane: 'axial' })), sameStack(seen(plane), seen(null)), sameStack(seen(curve), seen(solid)), sameStack(null, seen(null))]).toEqual([false, false, false, true])
  })
})
