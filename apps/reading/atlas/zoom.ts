/** Where a picture lies in its frame: enlarged about its middle, then moved (CSS pixels). Pure. */
export interface Lie { scale: number; x: number; y: number }
export interface Frame { width: number; height: number }

export const FITTED: Readonly<Lie> = { scale: 1, x: 0, y: 0 }
const MOST = 12

/** Some of the picture stays in sight. */
function kept({ scale, x, y }: Lie, { width, height }: Frame): Lie {
  if (scale <= 1) return { ...FITTED }
  const within = (value: number, side: number): number => Math.max((-side * scale) / 2, Math.min((side * scale) / 2, value))
  return { scale, x: within(x, width), y: within(y, height) }
}

/** Enlarged by a factor; what lies at `at` (from the middle of the frame) stays there. */
export function zoomed(lie: Lie, factor: number, at: { x: number; y: number }, frame: Frame): Lie {
  const scale = Math.max(1, Math.min(MOST, lie.scale * factor))
  const by = scale / lie.scale
  return kept({ scale, x: at.x - (at.x - lie.x) * by, y: at.y - (at.y - lie.y) * by }, frame)
}

export function moved(lie: Lie, by: { x: number; y: number }, frame: Frame): Lie {
  return kept({ ...lie, x: lie.x + by.x, y: lie.y + by.y }, frame)
}
