/** Widths of the side panels and whether they are collapsed; kept on this machine, because they belong to this screen. */
import { reactive, watch } from 'vue'

export interface Panel { width: number; open: boolean }
export type PanelName = 'strip' | 'report' | 'atlas'

const LIMITS: Record<PanelName, { least: number; most: number; first: number }> = {
  strip: { least: 110, most: 280, first: 156 },
  report: { least: 300, most: 760, first: 400 },
  atlas: { least: 280, most: 760, first: 340 },
}
const KEEP = 'reading.panels'

function kept(): Partial<Record<PanelName, Partial<Panel>>> {
  try {
    return (JSON.parse(localStorage.getItem(KEEP) ?? '{}') ?? {}) as Partial<Record<PanelName, Partial<Panel>>>
  } catch {
    return {}
  }
}

export function limited(name: PanelName, width: number): number {
  const { least, most } = LIMITS[name]
  return Math.round(Math.min(most, Math.max(least, width)))
}

export function usePanels(): Record<PanelName, Panel> {
  const before = kept()
  const panel = (name: PanelName): Panel => ({ width: limited(name, Number(before[name]?.width) || LIMITS[name].first), open: before[name]?.open ?? name !== 'atlas' })
  const panels = reactive({ strip: panel('strip'), report: panel('report'), atlas: panel('atlas') })
  watch(panels, () => {
    try {
      localStorage.setItem(KEEP, JSON.stringify(panels))
    } catch {
      // A browser that may not store things starts with the usual widths.
    }
  })
  return panels
}
