/** Parts of the body as hanging protocols tell them apart: from the code of the exam (PS3.16 CID 4031), else from words. */
import { mentionsAny } from './mention';

export const PARTS = ['HEAD', 'NECK', 'CHEST', 'HEART', 'ABDOMEN', 'PELVIS', 'HIP', 'SPINE', 'EXTREMITY', 'HAND', 'WHOLEBODY'] as const;
export type Part = (typeof PARTS)[number];

/** Codes beside the part's own. */
const CODES: Readonly<Record<Part, readonly string[]>> = {
  HEAD: ['BRAIN', 'SKULL', 'HEADNECK', 'FACE', 'ORBIT', 'ORBITS', 'SINUS', 'PARANASALSINUS', 'EAR', 'IAC', 'SELLA', 'JAW', 'MANDIBLE'],
  NECK: ['HEADNECK', 'NECKCHEST', 'THYROID', 'LARYNX'],
  CHEST: ['THORAX', 'LUNG', 'LUNGS', 'CHESTABDOMEN', 'CHESTABDPELVIS', 'NECKCHEST', 'MEDIASTINUM', 'RIB', 'RIBS', 'STERNUM'],
  HEART: ['CARDIAC', 'CORONARYARTERY', 'AORTA'],
  ABDOMEN: ['UPRABDOMEN', 'LIVER', 'GALLBLADDER', 'PANCREAS', 'SPLEEN', 'KIDNEY', 'KIDNEYS', 'STOMACH', 'COLON', 'SMALLINTESTINE', 'ABDOMENPELVIS', 'CHESTABDOMEN', 'CHESTABDPELVIS', 'ADRENAL', 'KUB'],
  PELVIS: ['BLADDER', 'UTERUS', 'RECTUM', 'PROSTATE', 'ABDOMENPELVIS', 'CHESTABDPELVIS', 'SIJOINT'],
  HIP: ['HIPS', 'HIPJOINT'],
  SPINE: ['CSPINE', 'TSPINE', 'LSPINE', 'SSPINE', 'LSSPINE', 'TLSPINE', 'CTSPINE', 'COCCYX', 'SACRUM'],
  EXTREMITY: ['ARM', 'LEG', 'KNEE', 'ANKLE', 'FOOT', 'SHOULDER', 'ELBOW', 'WRIST', 'FEMUR', 'TIBIA', 'TIBIAFIBULA', 'HUMERUS', 'FOREARM', 'CALCANEUS', 'TOE', 'CLAVICLE', 'SCAPULA', 'LOWEREXTREMITY', 'UPPEREXTREMITY', 'THIGH', 'LOWERLEG'],
  HAND: ['FINGER', 'THUMB', 'HANDWRIST'],
  WHOLEBODY: ['WHOLEBODY'],
};

/** What an exam for bone age is called. */
export const BONE_AGE = ['骨龄', 'bone age'] as const;
const WRIST = ['腕', 'wrist'] as const;

const WORDS: Readonly<Record<Part, readonly string[]>> = {
  HEAD: ['头', '颅', '脑', '垂体', '鼻窦', '眼眶', '颞骨', '内耳', 'head', 'brain', 'skull', 'cranial', 'orbit*', 'sinus*', 'pituitary'],
  NECK: ['颈部', '甲状腺', 'neck', 'thyroid'],
  CHEST: ['胸部', '胸片', '正位胸', '肺', '纵隔', '肋', 'chest', 'thorax', 'lung*', 'mediastin*'],
  HEART: ['心脏', '冠脉', '大血管', 'heart', 'cardiac', 'coronary'],
  ABDOMEN: ['腹', '肝', '胆', '胰', '脾', '肾', 'abdomen', 'abdominal', 'abd', 'liver', 'renal', 'kidney*'],
  PELVIS: ['盆', '膀胱', '子宫', 'pelvis', 'pelvic', 'pel', 'bladder'],
  HIP: ['髋', 'hip', 'hips'],
  SPINE: ['脊', '颈椎', '胸椎', '腰椎', '骶', 'spine', 'spinal', 'cervical', 'lumbar', 'sacrum'],
  EXTREMITY: ['肢', '膝', '踝', '足', '肩', '肘', WRIST[0], '股骨', '胫', '腓', '肱', '尺', '桡', '锁骨', 'knee', 'ankle', 'foot', 'shoulder', 'elbow', WRIST[1], 'femur', 'tibia', 'humerus', 'forearm', 'leg', 'arm'],
  HAND: ['手', 'hand', ...BONE_AGE, 'finger'],
  WHOLEBODY: ['全身', 'whole body'],
};

/** The parts a code means, else those that the words name; none when neither says. */
export function partsOf(code: string | null, ...texts: (string | null)[]): Part[] {
  const coded = codedParts(letters(code));
  if (coded.length > 0) return coded;
  const text = said(code, ...texts);
  return PARTS.filter((part) => mentionsAny(text, WORDS[part]));
}

/** Codes that leave open which part of the limb it is. */
const SOME_LIMB = new Set(['EXTREMITY', 'ARM', 'UPPEREXTREMITY']);

/** Whether it is a hand or a wrist: by the code, else by words. */
export function isHandOrWrist(code: string | null, ...texts: (string | null)[]): boolean {
  const written = letters(code);
  const coded = codedParts(written);
  if (coded.includes('HAND') || written === 'WRIST') return true;
  return (coded.length === 0 || SOME_LIMB.has(written)) && mentionsAny(said(code, ...texts), [...WORDS.HAND, ...WRIST]);
}

const letters = (code: string | null): string => (code ?? '').toUpperCase().replace(/[^A-Z]/g, '');
const codedParts = (written: string): Part[] => (written === '' ? [] : PARTS.filter((part) => part === written || CODES[part].includes(written)));
/** An operation (手术) is no hand (手). */
const said = (...texts: (string | null)[]): string => texts.filter(Boolean).join(' ').replaceAll('手术', ' ');
