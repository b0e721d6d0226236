/** Every text of the viewer, in both languages. */
export type Language = 'zh' | 'en';

const WORDS = {
  loading: ['正在载入', 'Loading'],
  image: ['图像', 'Image'],
  series: ['序列', 'Series'],
  position: ['层面', 'Position'],
  thickness: ['层厚', 'Thickness'],
  window: ['窗宽/窗位', 'W/L'],
  zoom: ['缩放', 'Zoom'],
  inverted: ['反相', 'Inverted'],
  detector: ['探测器平面', 'detector plane'],
  retry: ['重试', 'Retry'],
  empty: ['未选择序列', 'No series chosen'],
  noFrames: ['该序列没有可显示的图像', 'This series has no image that can be shown'],
  notRenderable: ['请从检查列表下载原文件', 'Download the original file from the examination'],
  failed: ['影像载入失败', 'The images could not be loaded'],
  failedHow: ['请重试；若仍失败，请联系运维人员', 'Retry; if it fails again, tell the operator'],
  cut: ['传输中断，已载入的图像仍可查看', 'The transfer broke off; images already here can be read'],
  undecodable: ['该图像无法解码', 'This image cannot be decoded'],
  undecodableHow: ['请通知发送医院重新传送', 'Ask the sending hospital to send it again'],
  unauthorised: ['登录已失效', 'Your session has ended'],
  unauthorisedHow: ['请重新登录', 'Sign in again'],
  forbidden: ['没有查看该影像的权限', 'You have no right to these images'],
  forbiddenHow: ['如需查看，请联系管理员', 'Ask an administrator if you need them'],
  missing: ['未找到该序列', 'The series was not found'],
  missingHow: ['可能已被移除或不在您的数据范围内', 'It may have been removed or lies outside your scope'],
  noWebgl: ['此浏览器无法显示影像（WebGL 不可用）', 'This browser cannot show images (WebGL is not available)'],
  noWebglHow: ['请启用硬件加速或更换浏览器', 'Turn on hardware acceleration or use another browser'],
  contextLost: ['显卡中断，正在恢复', 'The graphics device was lost, restoring'],
  tooLarge: ['图像超出此计算机显卡的最大尺寸', 'The image is larger than this computer’s graphics can show'],
  tooLargeHow: ['请更换工作站，或下载原文件', 'Use another workstation, or download the original'],
  male: ['男', 'M'],
  female: ['女', 'F'],
  otherSex: ['其他', 'O'],
  years: ['岁', ' y'],
  months: ['月', ' mo'],
  days: ['天', ' d'],
  ratio: ['比值', 'Ratio'],
  cardiothoracic: ['心胸比', 'CTR'],
  area: ['面积', 'Area'],
  mean: ['均值', 'Mean'],
  pixel: ['像素', 'px'],
  uncalibrated: ['无像素间距，不显示毫米', 'No pixel spacing: no mm'],
  notice: ['注意', 'Note'],
  viewer: ['影像浏览', 'Image viewer'],
  cell: ['视图', 'View'],
  sharpened: ['滤波：锐化', 'Filter: sharpened'],
  smoothed: ['滤波：平滑', 'Filter: smoothed'],
  edges: ['滤波：边缘', 'Filter: edges'],
  axial: ['横断位', 'Axial'],
  coronal: ['冠状位', 'Coronal'],
  sagittal: ['矢状位', 'Sagittal'],
  oblique: ['斜位', 'oblique'],
  reformatted: ['重建', 'reformatted'],
  slabMean: ['平均', 'mean'],
  slabMax: ['MIP', 'MIP'],
  slabMin: ['MinIP', 'MinIP'],
  noVolume: ['该序列不能做多平面重建', 'This series cannot be reformatted'],
  notSpatial: ['部分图像没有空间位置', 'Some images have no position in space'],
  fewImages: ['图像少于 3 幅', 'It has fewer than 3 images'],
  notGrey: ['彩色图像不能重建', 'Colour images cannot be reformatted'],
  mixedSizes: ['图像大小或像素间距不一致', 'Image sizes or pixel spacings differ'],
  notParallel: ['图像方向不一致，请选择单一方向的序列', 'Orientations differ: choose a series of one orientation'],
  samePlace: ['同一位置有多幅图像（多期相或多回波）', 'Several images at one place (phases or echoes)'],
  noMillimetres: ['缺少可靠的像素间距', 'There is no reliable pixel spacing'],
  progress: ['载入进度', 'Loading progress'],
} as const satisfies Record<string, readonly [string, string]>;

export type Word = keyof typeof WORDS;

export function say(word: Word, language: Language): string {
  return WORDS[word][language === 'zh' ? 0 : 1];
}

/** Warnings of a series (codes of the node) in words; an unknown code is shown as it is rather than hidden. */
const WARNINGS: Record<string, readonly [string, string]> = {
  tilt: ['机架倾斜：不可直接重建', 'Gantry tilt: not for direct reconstruction'],
  irregular_spacing: ['层间距不均匀', 'Uneven slice spacing'],
  gaps: ['层面之间有间隙', 'Gaps between slices'],
  duplicate_positions: ['同一位置有多幅图像（多期相）', 'Several images at one position (phases)'],
  mixed_orientation: ['序列内方向不一致', 'Orientations differ within the series'],
  mixed_sizes: ['序列内图像大小不一致', 'Image sizes differ within the series'],
  mixed_spacing: ['序列内像素间距不一致', 'Pixel spacing differs within the series'],
  no_spacing: ['无像素间距：长度以像素表示', 'No pixel spacing: lengths are in pixels'],
  region_outside: ['图像校准后被裁剪或缩放：不显示毫米', 'Picture cut or shrunk after calibration: no mm'],
  unshowable_objects: ['部分对象无法显示，请下载原文件', 'Some objects cannot be shown: download the originals'],
  patients_differ: ['该检查含不同患者的图像，请核对', 'This study holds images of different patients: check'],
  voi_lut_unusable: ['灰度查找表 (VOI LUT) 有误，未使用', 'A VOI LUT of the header is malformed: not used'],
  polarity_contradiction: ['黑白极性信息矛盾，请核对', 'The header contradicts itself about black and white: check'],
  bone_removed: ['已去骨（自动结果，请对照原图）', 'Bone removed (automatic: compare with the source)'],
  table_removed: ['已去床板', 'Table removed'],
  mask_unsure: ['去骨：部分区域不确定，请核对', 'Bone removal is not sure everywhere: check'],
  lossy: ['有损压缩', 'Lossy compression'],
};

export function warningText(code: string, language: Language): string {
  const known = WARNINGS[code];
  return known ? known[language === 'zh' ? 0 : 1] : code;
}
