/**
 * A greyscale and resolution pattern after AAPM TG18-QC and IEC 62563-1, drawn by ourselves for 8-bit greys, in device pixels: nothing of it
 * may be scaled by the browser. Pure: which rectangle has which grey.
 */
export interface Rect {
  x: number
  y: number
  width: number
  height: number
  grey: number
  /** What it is for, for those that are asked about or tested. */
  name?: string
}

export interface Words {
  x: number
  y: number
  /** px. */
  size: number
  grey: number
  text: string
}

export interface Pattern {
  rects: Rect[]
  words: Words[]
}

/** The background of TG18-QC: half of the range. */
export const GROUND = 128
/** 18 steps from black to white, 15 apart. */
export const STEPS: readonly number[] = Array.from({ length: 18 }, (_, step) => step * 15)
/** 5 % in black, 95 % in white. */
export const DARK_PATCH = 13
export const BRIGHT_PATCH = 242
/** How much the small squares in the corners of a step differ from it. */
export const CORNER = 4
/** Greys of the two fields for uniformity: 10 % and 80 % (TG18-UNL10, TG18-UNL80). */
export const FIELDS = { dark: 26, bright: 204 } as const
const LETTERS = 'QUALITY CONTROL'
const FAINTEST = LETTERS.length - 1

/** Lines of `period` pixels (half black, half white), upright or level, in a square. */
function lines(x: number, y: number, side: number, period: 2 | 4, upright: boolean, [low, high]: readonly [number, number], name: string): Rect[] {
  const rects: Rect[] = [{ x, y, width: side, height: side, grey: low, name }]
  for (let at = 0; at < side; at += period) {
    const wide = Math.min(period / 2, side - at)
    rects.push(upright ? { x: x + at, y, width: wide, height: side, grey: high } : { x, y: y + at, width: side, height: wide, grey: high })
  }
  return rects
}

/** Four groups: one pixel on, one off; two and two; each upright and level. Beside them the same at a faint contrast. */
function resolution(x: number, y: number, side: number, name: string): Rect[] {
  const small = Math.floor(side / 2)
  return [
    ...lines(x, y, small, 2, true, [0, 255], `${name} 1 upright`), ...lines(x + small, y, small, 2, false, [0, 255], `${name} 1 level`),
    ...lines(x, y + small, small, 4, true, [0, 255], `${name} 2 upright`), ...lines(x + small, y + small, small, 2, true, [GROUND - 8, GROUND + 8], `${name} faint`),
  ]
}

export function testPattern(width: number, height: number): Pattern {
  const rects: Rect[] = [{ x: 0, y: 0, width, height, grey: GROUND, name: 'ground' }]
  const unit = Math.floor(Math.min(width, height) / 24)
  const edge = Math.max(4, Math.floor(unit / 4))
  // Geometry: a grid whose squares must be square, and a frame that must be whole.
  for (let x = Math.floor(width / 2) % (2 * unit); x < width; x += 2 * unit) rects.push({ x, y: 0, width: 1, height, grey: 160 })
  for (let y = Math.floor(height / 2) % (2 * unit); y < height; y += 2 * unit) rects.push({ x: 0, y, width, height: 1, grey: 160 })
  for (const [x, y, wide, high] of [[edge, edge, width - 2 * edge, 2], [edge, height - edge - 2, width - 2 * edge, 2], [edge, edge, 2, height - 2 * edge], [width - edge - 2, edge, 2, height - 2 * edge]] as const) {
    rects.push({ x, y, width: wide, height: high, grey: 255, name: 'frame' })
  }
  // Resolution, in the middle and in every corner.
  const side = 3 * unit
  const [left, top] = [edge + unit, edge + unit]
  const [right, bottom] = [width - edge - unit - side, height - edge - unit - side]
  const middle = { x: Math.floor((width - side) / 2), y: Math.floor((height - side) / 2) }
  for (const [name, x, y] of [['left top', left, top], ['right top', right, top], ['left bottom', left, bottom], ['right bottom', right, bottom], ['middle', middle.x, middle.y]] as const) rects.push(...resolution(x, y, side, name))
  // Steps of luminance, nine in a row above and below the middle, each with small squares a little brighter and darker.
  const step = Math.floor((right - left - side - 2 * unit) / 9)
  const high = Math.min(step, 3 * unit)
  const tall = Math.floor(high / 5)
  STEPS.forEach((grey, position) => {
    const column = position < 9 ? position : 17 - position
    const x = left + side + unit + column * step
    const y = position < 9 ? middle.y - high - unit : middle.y + side + unit
    rects.push({ x, y, width: step, height: high, grey, name: `step ${grey}` })
    const [less, more] = [Math.max(0, grey - CORNER), Math.min(255, grey + CORNER)]
    for (const [cx, cy, value] of [[x + 2, y + 2, more], [x + step - tall - 2, y + high - tall - 2, more], [x + step - tall - 2, y + 2, less], [x + 2, y + high - tall - 2, less]] as const) {
      rects.push({ x: cx, y: cy, width: tall, height: tall, grey: value })
    }
  })
  // 5 % in black and 95 % in white, left and right of the middle.
  const patch = 2 * unit
  for (const [name, x, outer, inner] of [['dark', middle.x - side - unit, 0, DARK_PATCH], ['bright', middle.x + side + unit, 255, BRIGHT_PATCH]] as const) {
    rects.push({ x, y: middle.y, width: side, height: side, grey: outer, name: `${name} ground` })
    rects.push({ x: x + Math.floor((side - patch) / 2), y: middle.y + Math.floor((side - patch) / 2), width: patch, height: patch, grey: inner, name: `${name} patch` })
  }
  // Gradients from black to white, one value after the other, along the upper and the lower edge.
  const long = right - left - side - 2 * unit
  for (const [name, y] of [['upper', top + unit], ['lower', bottom + unit]] as const) {
    for (let x = 0; x < long; x += 1) {
      const value = Math.round((255 * x) / (long - 1))
      rects.push({ x: left + side + unit + x, y, width: 1, height: unit, grey: name === 'upper' ? value : 255 - value, ...(x === 0 || x === long - 1 ? { name: `${name} ${x === 0 ? 'start' : 'end'}` } : {}) })
    }
  }
  // Letters that fade, on black, on the ground and on white.
  const words: Words[] = []
  const size = Math.floor(unit * 0.8)
  const line = (y: number, ground: number, grey: (contrast: number) => number): void => {
    rects.push({ x: left + side + unit, y, width: long, height: Math.floor(unit * 1.3), grey: ground })
    ;[...LETTERS].forEach((text, at) => words.push({ x: left + side + unit + Math.floor(((at + 0.3) * long) / LETTERS.length), y: y + Math.floor(unit * 0.95), size, text, grey: grey(1 + FAINTEST - at) }))
  }
  const first = middle.y - high - 3.5 * unit
  line(Math.floor(first), 0, (contrast) => contrast)
  line(Math.floor(middle.y + side + high + 1.6 * unit), 255, (contrast) => 255 - contrast)
  line(Math.floor(middle.y + side + high + 3.1 * unit), GROUND, (contrast) => GROUND + contrast)
  return { rects, words }
}

const colour = (grey: number): string => `rgb(${grey} ${grey} ${grey})`

/** Draws on a canvas whose own pixels are those of the display. */
export function draw(canvas: HTMLCanvasElement, { rects, words }: Pattern): void {
  const context = canvas.getContext('2d', { alpha: false })
  if (!context) return
  for (const { x, y, width, height, grey } of rects) {
    context.fillStyle = colour(grey)
    context.fillRect(x, y, width, height)
  }
  for (const { x, y, size, grey, text } of words) {
    context.fillStyle = colour(grey)
    context.font = `${size}px sans-serif`
    context.fillText(text, x, y)
  }
}

export const field = (width: number, height: number, grey: number): Pattern => ({ rects: [{ x: 0, y: 0, width, height, grey, name: 'field' }], words: [] })
