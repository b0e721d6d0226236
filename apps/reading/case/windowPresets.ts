/** The reader's window presets, and what is wrong with one. */
import type { Api } from '../../desk/shell'
import type { OwnPreset } from '../../viewer/api'
import { ownDocument, type OwnDocument } from './ownDocument'

export type WindowPresets = OwnDocument<OwnPreset[]>

export const windowPresets = (api: Api): WindowPresets => ownDocument<OwnPreset[], { presets: OwnPreset[] }>(api, 'window-presets', { empty: [], open: ({ presets }) => presets, wrap: (presets) => ({ presets }) })

/** What is wrong with a preset, by field; ris refuses the same. */
export function faultsOf(preset: OwnPreset): ('name' | 'center' | 'width' | 'gamma')[] {
  const { name, window, gamma } = preset
  return [
    ...(name.trim() === '' || [...name.trim()].length > 40 ? ['name' as const] : []),
    ...(window && !(Number.isFinite(window.center) && Math.abs(window.center) <= 1e9) ? ['center' as const] : []),
    ...(window && !(window.width >= (window.function === 'LINEAR' ? 1 : Number.MIN_VALUE) && window.width <= 1e9) ? ['width' as const] : []),
    ...(gamma >= 0.2 && gamma <= 5 ? [] : ['gamma' as const]),
  ]
}
