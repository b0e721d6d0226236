/** Goes to an image of a series: where it is shown already, or once its first picture is on the screen. */
import type { KeyImage, Viewer, WindowSetting } from '../../viewer/api'

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

/** To what a key image shows, as it showed it; by its image rather than its place then: images may have come since. */
export function jumpToKeyImage(stage: Stage | null, open: (index?: number) => void, image: KeyImage): void {
  const { study, series, made, index } = image
  jump(stage, (at) => open(made === 'image' ? at : undefined), study, series, made === 'image' ? index : (stage?.viewer?.state().index ?? 0), null, (viewer) => {
    if (made === 'image' || image.reconstruction) return viewer.present(image)
    // One of earlier days does not say how its picture lay.
    if (image.window) viewer.setWindow(image.window)
    if (made === 'rendering') viewer.rendering(true)
    else viewer.mpr(true)
  })
}
