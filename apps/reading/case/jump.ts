/** Goes to an image of a series: where it is shown already, or once its first picture is on the screen. */
import type { KeyImage, Viewer, WindowSetting } from '../../viewer/api'
import { reconstructing, type FunctionId, type Toolset } from '../../viewer/toolset'

interface Stage {
  viewer: Viewer | null
  showing(study: string, series: string): boolean
}

/** The window belongs to this series alone: it waits until its image is on the screen. */
export function jump(stage: Stage | null, open: (index: number) => void, study: string, series: string, index: number, window: WindowSetting | null, arrived?: (viewer: Viewer) => void): void {
  const viewer = stage?.viewer
  if (!stage?.showing(study, series)) {
    const done = viewer?.on('shown', (now) => {
      done?.()
      if (now.series !== series) return
      if (window) viewer.setWindow(window)
      arrived?.(viewer)
    })
    return open(index)
  }
  viewer?.scrollTo(index)
  if (window) viewer?.setWindow(window)
  if (viewer) arrived?.(viewer)
}

/** The function of the viewer that computes what a key image shows; null for a received image. One of earlier days is shown as a plane. */
function computedBy({ made, reconstruction }: KeyImage): FunctionId | null {
  if (made === 'image') return null
  return reconstruction ? reconstructing(reconstruction.made) : made === 'rendering' ? 'rendering' : 'mpr'
}

/**
 * To what a key image shows, as it showed it; by its image rather than its place then: images may have come since. Where the reader has
 * not got the function that computes it, to the series it is of.
 */
export function jumpToKeyImage(stage: Stage | null, open: (index?: number) => void, image: KeyImage, tools: Toolset, lacking: (missing: FunctionId) => void): void {
  const { study, series, made, index } = image
  const needed = computedBy(image)
  if (needed && !tools.has(needed)) {
    if (!stage?.showing(study, series)) open()
    return lacking(needed)
  }
  jump(stage, (at) => open(made === 'image' ? at : undefined), study, series, made === 'image' ? index : (stage?.viewer?.state().index ?? 0), null, (viewer) => {
    if (made === 'image' || image.reconstruction) return viewer.present(image)
    // One of earlier days does not say how its picture lay.
    if (image.window) viewer.setWindow(image.window)
    if (made === 'rendering') viewer.rendering(true)
    else viewer.mpr(true)
  })
}
