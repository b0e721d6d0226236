/** What devices write as Window Center & Width Explanation and VOI LUT Explanation (PS3.3 C.11.2.1.2), in the reader's language. */
const TERMS: Readonly<Record<string, string>> = {
  ABDOMEN: '腹部', ANGIO: '血管', BONE: '骨', BRAIN: '脑', CHEST: '胸部', 'CONTRAST HIGH': '高对比', 'CONTRAST LOW': '低对比', HARD: '硬', HARDER: '较硬', HEAD: '头部',
  'HIGH CONTRAST': '高对比', KIDNEY: '肾', LIVER: '肝', 'LOW CONTRAST': '低对比', LUNG: '肺', LUNGS: '肺', MEDIASTINUM: '纵隔', NECK: '颈部', NORMAL: '标准', PELVIS: '盆腔',
  SINUS: '鼻窦', SOFT: '软', SOFTER: '较软', 'SOFT TISSUE': '软组织', SPINE: '脊柱', STANDARD: '标准', SUBDURAL: '硬膜下', 'TEMPORAL BONE': '颞骨', USER: '用户', VASCULAR: '血管', VESSELS: '血管',
};

/**
 * Names of a window or table of the header: known terms in Chinese for the Chinese desk, everything else as the device wrote it.
 * WINDOW1, WINDOW2 … are numbers and no names. `nameless` stands where the device wrote nothing.
 */
export function explained(written: string, nameless: { zh: string; en: string }): { zh: string; en: string } {
  const name = written.trim();
  const plain = name.toUpperCase().replace(/[_\s]+/g, ' ');
  const number = /^(?:WINDOW|WIN|OTHER|ALGO|WW WL) ?(\d+)$/.exec(plain)?.[1];
  if (!name) return nameless;
  if (number) return { zh: `原窗 ${number}`, en: name };
  const known = TERMS[plain];
  // Beside the desk's own 纵隔 it must be told apart.
  return { zh: known ? `原窗 ${known}` : name, en: name };
}
