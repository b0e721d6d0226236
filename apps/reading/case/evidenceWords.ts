/** Words of objects that are no pictures: what they are, and what of them could not be shown. */
import type { Lang } from '../../desk/shell'
import type { KeyObjects, ObjectKind } from '../records'

const KINDS: Record<ObjectKind, readonly [string, string]> = {
  segmentation: ['分割 (SEG)', 'Segmentation (SEG)'],
  contours: ['轮廓 (RTSTRUCT)', 'Contours (RTSTRUCT)'],
  presentation: ['显示状态 (GSPS)', 'Presentation state (GSPS)'],
  key_objects: ['关键影像选择 (KOS)', 'Key object selection (KOS)'],
  report: ['结构化报告 (SR)', 'Structured report (SR)'],
  pdf: ['PDF 文档', 'PDF document'],
  cda: ['CDA 文档', 'CDA document'],
  mesh: ['三维模型 (STL/OBJ)', '3D model (STL/OBJ)'],
  ecg: ['心电图 (ECG)', 'Electrocardiogram (ECG)'],
  waveform: ['波形', 'Waveform'],
  video: ['视频', 'Video'],
  radiotherapy: ['放疗对象', 'Radiotherapy object'],
  value_map: ['真实值映射', 'Real world value map'],
  spatial: ['空间配准', 'Spatial registration'],
  other: ['其他 DICOM 对象', 'Other DICOM object'],
}

const WARNINGS: Record<string, readonly [string, string]> = {
  segment_off_grid: ['{n} 幅分割找不到位置一致的图像，未显示', '{n} segment frames fit no image and are not shown'],
  segment_fractional: ['分割为概率值，显示的是 50% 以上的部分', 'The segments are fractions: what is 50 % or more is shown'],
  contour_off_plane: ['{n} 条轮廓不在任何图像的层面上，未显示', '{n} contours lie in the plane of no image and are not shown'],
  contour_unusable: ['{n} 条轮廓无法读取，未显示', '{n} contours cannot be read and are not shown'],
  coordinates_elsewhere: ['{n} 处坐标所指的图像不在本检查中，未显示', '{n} coordinates lie on images that are not in this study and are not shown'],
  coordinates_unusable: ['{n} 处坐标无法读取，未显示', '{n} coordinates cannot be read and are not shown'],
  presentation_elsewhere: ['显示状态所指的图像不在本检查中', 'The presentation state is of images that are not in this study'],
  presentation_screen: ['{n} 处图形或文字只有屏幕位置，未显示', '{n} graphics or texts have a place on the screen only and are not shown'],
  presentation_turned: ['显示状态要求旋转或镜像，未采用', 'The presentation state turns or mirrors the image; this was not taken over'],
  presentation_planes: ['显示状态含叠加平面，未显示', 'The presentation state has overlay planes, which are not shown'],
  presentation_window: ['显示状态的灰度变换未采用', 'The greys of the presentation state were not taken over'],
  key_objects_elsewhere: ['{n} 个所选对象不是本检查的图像，未列出', '{n} of the chosen objects are no images of this study and are not listed'],
  key_objects_left_out: ['图像太多，另有 {n} 幅未列出', 'Too many images: {n} more are not listed'],
  object_unreadable: ['{n} 个对象无法可靠读取，其内容未显示', '{n} objects cannot be read reliably; nothing of them is shown'],
  objects_left_out: ['对象太多，只列出前 50 个', 'Too many objects: the first 50 are listed'],
}

/** Titles of a key object selection (PS3.16 CID 7010, scheme DCM). */
const KEY_TITLES: Record<string, readonly [string, string]> = {
  113000: ['关注的图像', 'Of interest'],
  113001: ['因质量原因剔除', 'Rejected for quality reasons'],
  113002: ['供申请医生', 'For referring provider'],
  113003: ['供手术', 'For surgery'],
  113004: ['供教学', 'For teaching'],
  113005: ['供会诊讨论', 'For conference'],
  113006: ['供治疗', 'For therapy'],
  113007: ['供患者', 'For patient'],
  113008: ['供同行评议', 'For peer review'],
  113009: ['供研究', 'For research'],
  113010: ['质量问题', 'Quality issue'],
  113013: ['同组最佳', 'Best in set'],
  113018: ['供打印', 'For printing'],
  113020: ['供报告附图', 'For report attachment'],
  113021: ['供诉讼', 'For litigation'],
  113022: ['显示状态集合', 'Collection of presentation states'],
  113030: ['清单', 'Manifest'],
  113031: ['已签名清单', 'Signed manifest'],
  113032: ['完整检查内容', 'Complete study content'],
  113033: ['已签名完整检查内容', 'Signed complete study content'],
  113034: ['完整采集内容', 'Complete acquisition content'],
  113035: ['已签名完整采集内容', 'Signed complete acquisition content'],
  113036: ['供显示的帧组', 'Group of frames for display'],
  113037: ['因患者安全原因剔除', 'Rejected for patient safety reasons'],
  113038: ['工作列表条目错误', 'Incorrect modality worklist entry'],
  113039: ['超过保存期限', 'Data retention policy expired'],
}

/** A title that is not in the table stands in the words of its own document. */
export function keyTitle(lang: Lang, { code, scheme, meaning }: KeyObjects['title']): string {
  const known = scheme === 'DCM' ? KEY_TITLES[code] : undefined
  return known?.[lang === 'en' ? 1 : 0] ?? (meaning || code)
}

export function objectWord(lang: Lang, what: ObjectKind): string {
  return (KINDS[what] ?? KINDS.other)[lang === 'en' ? 1 : 0]
}

/** An unknown code stands as it is: better than silence. */
export function evidenceWarning(lang: Lang, { code, count }: { code: string; count: number }): string {
  return (WARNINGS[code]?.[lang === 'en' ? 1 : 0] ?? code).replace('{n}', String(count))
}
