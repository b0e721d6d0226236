/** Words of the node's warnings about a series; a code that is new to this page is shown as it is. */
import type { Lang } from '../words'

const WORDS: Record<string, readonly [string, string]> = {
  no_spacing: ['没有像素间距, 不能测量毫米', 'No pixel spacing: millimetres cannot be measured'],
  tilt: ['机架倾斜, 重建会变形', 'Gantry tilt: reconstructions would be distorted'],
  irregular_spacing: ['层间距不一致', 'Uneven slice spacing'],
  gaps: ['序列中缺少层面', 'Slices are missing in the series'],
  duplicate_positions: ['同一位置有多幅图像', 'Several images at one position'],
  mixed_orientation: ['图像方向不一致', 'Images of different orientation'],
  mixed_sizes: ['图像大小不一致', 'Images of different size'],
  mixed_spacing: ['像素间距不一致', 'Different pixel spacings'],
  voi_lut_unusable: ['灰度查找表有误, 未使用', 'A VOI LUT is malformed and not used'],
  polarity_contradiction: ['黑白极性信息矛盾', 'The header contradicts itself about black and white'],
  region_outside: ['超声标尺区域超出图像', 'An ultrasound region lies outside of the image'],
}

export function warningWords(lang: Lang, code: string): string {
  return WORDS[code]?.[lang === 'en' ? 1 : 0] ?? code
}
