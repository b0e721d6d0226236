/** The hanging protocols of a children's centre: what its readers put up by hand for these exams, as data. Days for ages. */
import { BONE_AGE } from './parts';
import type { CellRule, Protocol, Wanted } from './protocol';

const NEWBORN = 28;
const INFANT = 366;

/** Reformats the device sent along, and what is no picture to read first. */
const AXIAL: Wanted = { ratherNot: ['cor*', 'sag*', '冠', '矢', 'mip*', 'vr*', '3d', 'scout*', 'localizer*', 'topogram*', '定位'] };
const BONE = ['骨', 'bone*', 'b60*', 'b70*', 'h60*', 'h70*', 'hr*', 'sharp*', '高分辨'];
const LUNG = ['肺', 'lung*', 'b60*', 'b70*', 'bl57*', 'hrct', 'sharp*'];
const SOFT = ['软组织', '纵隔', 'std*', 'standard', 'soft*', 'mediast*', 'brain*', 'b30*', 'b31*', 'h30*', 'h31*', 'br40*', '标准'];

const soft: Wanted = { ...AXIAL, rather: SOFT, ratherNot: [...(AXIAL.ratherNot ?? []), ...BONE, ...LUNG] };
const bone: Wanted = { ...AXIAL, rather: BONE };
const lung: Wanted = { ...AXIAL, rather: LUNG };

const both = (...cells: CellRule[]): CellRule[] => [...cells, ...cells.map((cell) => ({ ...cell, prior: 1 }))];

const CONTRAST = ['+c', 'c+', 'post*', 'gd*', 'ce', '*增强', '增强*', 'contrast'];
const PLANES = { rather: ['ax*', 'tra*', '横', '轴位'], ratherNot: ['cor*', 'sag*', '冠', '矢'] };
const T1: Wanted = { words: ['t1*', 'mprage', 'spgr', 'bravo', 'tfe*'], without: ['*flair*', ...CONTRAST], ...PLANES };
const T1C: Wanted = { words: CONTRAST, without: ['t2*', '*flair*', '*dwi*', 'adc*', 'diff*'], rather: ['t1*', 'mprage', 'spgr', 'bravo', ...PLANES.rather], ratherNot: PLANES.ratherNot };
const T2: Wanted = { words: ['t2*'], without: ['*flair*', 't2*gre', 'swi*', 'swan*'], ...PLANES };
const FLAIR: Wanted = { words: ['*flair*', '*tirm*', '水抑制'], without: CONTRAST, ...PLANES };
const DWI: Wanted = { words: ['*dwi*', 'diff*', 'trace*', 'b1000*', '弥散', '扩散'], without: ['adc*', '*_adc', 'eadc*'], ...PLANES };
const ADC: Wanted = { words: ['adc*', '*_adc', 'apparent*', '表观'] };
const SWI: Wanted = { words: ['swi*', 'swan*', '磁敏感', 't2*gre'] };
const SAGITTAL = { rather: ['sag*', '矢'], ratherNot: ['cor*', 'ax*', 'tra*', '横', '冠', '定位', 'loc*', 'scout*', '3-pl*'] };

const FRONT = ['pa', 'ap', '正位', '前后位', '后前位', 'front*'];
const SIDE = ['lat*', '侧位', 'll', 'rl'];
const LEFT = ['l', 'lt', 'left', '左'];
const RIGHT = ['r', 'rt', 'right', '右'];

export const BUILT_IN: readonly Protocol[] = [
  {
    id: 'ct-head-newborn', zh: 'CT 头颅（新生儿）', en: 'CT head, newborn',
    when: { modalities: ['CT'], parts: ['HEAD'], ages: [null, NEWBORN + 1] },
    cells: both({ series: soft, window: 'newborn-brain' }, { series: bone, window: 'bone' }),
  },
  {
    id: 'ct-head', zh: 'CT 头颅：脑窗、骨窗', en: 'CT head: brain and bone',
    when: { modalities: ['CT'], parts: ['HEAD'] },
    cells: both({ series: soft, window: 'brain' }, { series: bone, window: 'bone' }),
  },
  {
    id: 'ct-ear', zh: 'CT 颞骨', en: 'CT temporal bone',
    when: { modalities: ['CT'], words: ['颞骨', '内耳', '中耳', 'temporal bone', 'iac', 'inner ear'] },
    cells: [{ series: bone, window: 'temporal-bone' }, { series: bone, window: 'temporal-bone', view: 'coronal' }, { series: bone, window: 'temporal-bone', prior: 1 }], layouts: { 3: '1x3' },
  },
  {
    id: 'ct-chest', zh: 'CT 胸部：肺窗、纵隔窗', en: 'CT chest: lung and mediastinum',
    when: { modalities: ['CT'], parts: ['CHEST'] },
    cells: both({ series: lung, window: 'lung' }, { series: soft, window: 'mediastinum' }),
  },
  {
    id: 'ct-abdomen', zh: 'CT 腹部、盆腔', en: 'CT abdomen and pelvis',
    when: { modalities: ['CT'], parts: ['ABDOMEN', 'PELVIS'] },
    cells: [{ series: soft, window: 'abdomen' }, { series: soft, window: 'abdomen', view: 'coronal' }, { series: soft, window: 'abdomen', prior: 1 }], layouts: { 3: '1x3' },
  },
  {
    id: 'ct-spine', zh: 'CT 脊柱：骨窗与矢状位', en: 'CT spine: bone and sagittal',
    when: { modalities: ['CT'], parts: ['SPINE'] },
    cells: [{ series: bone, window: 'bone' }, { series: bone, window: 'bone', view: 'sagittal' }, { series: bone, window: 'bone', prior: 1 }], layouts: { 3: '1x3' },
  },
  {
    id: 'ct-extremity', zh: 'CT 四肢关节：骨窗与冠状位', en: 'CT limb: bone and coronal',
    when: { modalities: ['CT'], parts: ['EXTREMITY', 'HIP', 'HAND'] },
    cells: [{ series: bone, window: 'bone' }, { series: bone, window: 'bone', view: 'coronal' }],
  },
  {
    id: 'mr-brain-infant', zh: 'MR 头颅（1 岁内）', en: 'MR brain, first year',
    // Before myelination FLAIR says little; bleeding and restricted diffusion are looked for.
    when: { modalities: ['MR'], parts: ['HEAD'], ages: [null, INFANT] }, needs: 2,
    cells: [{ series: T1 }, { series: T2 }, { series: DWI }, { series: ADC }, { series: SWI }, { series: T2, prior: 1 }],
  },
  {
    id: 'mr-brain-contrast', zh: 'MR 头颅增强', en: 'MR brain with contrast',
    when: { modalities: ['MR'], parts: ['HEAD'], words: CONTRAST }, needs: 3,
    cells: [{ series: T1 }, { series: T1C }, { series: T2 }, { series: FLAIR }, { series: DWI }, { series: T1C, prior: 1 }],
  },
  {
    id: 'mr-brain', zh: 'MR 头颅：T1、T2、FLAIR、DWI', en: 'MR brain: T1, T2, FLAIR, DWI',
    when: { modalities: ['MR'], parts: ['HEAD'] }, needs: 2,
    cells: [{ series: T1 }, { series: T2 }, { series: FLAIR }, { series: DWI }],
  },
  {
    id: 'mr-spine', zh: 'MR 脊柱：矢状位 T1、T2', en: 'MR spine: sagittal T1 and T2',
    when: { modalities: ['MR'], parts: ['SPINE'] }, needs: 2,
    cells: [
      { series: { ...T1, ...SAGITTAL } }, { series: { ...T2, ...SAGITTAL } },
      { series: { words: ['stir*', '*脂', 'fs*', 'tirm*'], ...SAGITTAL } }, { series: { ...T2, rather: ['ax*', 'tra*', '横'], ratherNot: ['sag*', '矢'] } },
    ],
  },
  {
    id: 'dr-bone-age', zh: '骨龄：左手与既往', en: 'Bone age: left hand and prior',
    when: { modalities: ['DX', 'CR'], words: BONE_AGE },
    cells: [{ series: { picture: 0 } }, { series: { picture: 0 }, prior: 1 }], linked: false,
  },
  {
    id: 'dr-chest-views', zh: 'DR 胸部正侧位', en: 'DR chest PA and lateral',
    when: { modalities: ['DX', 'CR'], parts: ['CHEST'] }, needs: 2,
    cells: [{ series: { words: FRONT } }, { series: { words: SIDE } }, { series: { words: FRONT }, prior: 1 }], layouts: { 3: '1x3' }, linked: false,
  },
  {
    id: 'dr-chest', zh: 'DR 胸部与既往', en: 'DR chest and prior',
    when: { modalities: ['DX', 'CR'], parts: ['CHEST'] },
    cells: [{ series: { picture: 0 } }, { series: { picture: 1 } }, { series: { picture: 0 }, prior: 1 }], layouts: { 3: '1x3' }, linked: false,
  },
  {
    id: 'dr-both-sides', zh: 'DR 双侧对比', en: 'DR of both sides',
    when: { modalities: ['DX', 'CR'], parts: ['EXTREMITY', 'HAND', 'HIP'] }, needs: 2,
    // As the reader faces the child: its right side is on the left.
    cells: [{ series: { words: RIGHT, without: LEFT } }, { series: { words: LEFT, without: RIGHT } }], linked: false,
  },
  {
    id: 'dr-limb', zh: 'DR 四肢、骨盆、脊柱与既往', en: 'DR limb, pelvis or spine and prior',
    when: { modalities: ['DX', 'CR'], parts: ['EXTREMITY', 'HAND', 'HIP', 'PELVIS', 'SPINE'] },
    cells: [{ series: { picture: 0 } }, { series: { picture: 1 } }, { series: { picture: 0 }, prior: 1 }, { series: { picture: 1 }, prior: 1 }], linked: false,
  },
  {
    id: 'dr-abdomen', zh: 'DR 腹部与既往', en: 'DR abdomen and prior',
    when: { modalities: ['DX', 'CR'], parts: ['ABDOMEN'] },
    cells: [{ series: { picture: 0 } }, { series: { picture: 1 } }, { series: { picture: 0 }, prior: 1 }], layouts: { 3: '1x3' }, linked: false,
  },
  {
    id: 'us', zh: '超声：四幅', en: 'Ultrasound: four',
    when: { modalities: ['US'] }, needs: 2,
    cells: [0, 1, 2, 3].map((nth) => ({ series: { nth } })), linked: false,
  },
];
