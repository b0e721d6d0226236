/** Words of the node's warnings about a series; a code that is new to this page is shown as it is. */
import type { Lang } from '../words'

const WORDS: Record<string, readonly [string, string]> = {
  spacing_missing: ['没有像素间距, 不能测量毫米', 'No pixel spacing: millimetres cannot be measured'],
  gantry_tilt: ['机架倾斜, 重建会变形', 'Gantry tilt: reconstructions would be distorted'],
  tilt: ['机架倾斜, 重建会变形', 'Gantry tilt: reconstructions would be distorted'],
  uneven_spacing: ['层间距不一致', 'Uneven slice spacing'],
  gap: ['序列中缺少层面', 'Slices are missing in the series'],
  duplicate_positions: ['同一位置有多幅图像', 'Several images at one position'],
  mixed_orientation: ['图像方向不一致', 'Images of different orientation'],
  mixed_size: ['图像大小不一致', 'Images of different size'],
  not_renderable: ['不是可显示的图像', 'Not an image that can be shown'],
}

export function warningWords(lang: Lang, code: string): string {
  return WORDS[code]?.[lang === 'en' ? 1 : 0] ?? code
}
