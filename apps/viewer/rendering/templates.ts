/**
 * Named templates of volume rendering (V-33): which values are seen, how densely, in what colour. CT in HU; MR, whose values have no
 * unit, in shares of the range between the series' darkest and brightest hundredth.
 */
export type Rgb = readonly [number, number, number];

/** From this value on: opacity of one millimetre (0…1) and colour; straight lines in between. */
export type Knot = readonly [value: number, opacity: number, colour: Rgb];

export interface Template {
  id: string;
  zh: string;
  en: string;
  /** What the values are: Hounsfield units, or shares of the range. */
  of: 'hu' | 'share';
  knots: readonly Knot[];
  /** The brightest value along the ray instead of light and surface. */
  projection?: boolean;
  /** Of the air within the body: without that around it. */
  inside?: boolean;
  /** Rise of the values for each mm (in their unit) from which a surface is fully seen; flat regions fade. */
  edge?: number;
}

const BONE: Rgb = [0.96, 0.91, 0.8];
const IVORY: Rgb = [1, 0.98, 0.93];
const SKIN: Rgb = [0.9, 0.68, 0.55];
const FLESH: Rgb = [0.72, 0.33, 0.26];
const BLOOD: Rgb = [0.86, 0.16, 0.12];
const GOLD: Rgb = [0.98, 0.72, 0.42];
const LUNG: Rgb = [0.93, 0.62, 0.55];
const AIR: Rgb = [0.55, 0.78, 0.92];
const KIDNEY: Rgb = [0.75, 0.3, 0.22];
const LIVER: Rgb = [0.6, 0.26, 0.2];
const BRAIN: Rgb = [0.88, 0.74, 0.68];
const WHITE: Rgb = [1, 1, 1];

export const TEMPLATES: readonly Template[] = [
  { id: 'bone', zh: '骨', en: 'Bone', of: 'hu', knots: [[180, 0, FLESH], [260, 0.25, BONE], [450, 0.8, BONE], [1200, 0.95, IVORY]] },
  { id: 'bone-child', zh: '儿童骨', en: 'Bone, child', of: 'hu', knots: [[110, 0, FLESH], [170, 0.2, BONE], [300, 0.7, BONE], [900, 0.95, IVORY]] },
  { id: 'bone-infant', zh: '婴儿骨与软骨', en: 'Bone and cartilage, infant', of: 'hu', knots: [[70, 0, AIR], [100, 0.02, AIR], [140, 0.15, BONE], [230, 0.7, BONE], [700, 0.95, IVORY]] },
  { id: 'skin', zh: '皮肤', en: 'Skin', of: 'hu', knots: [[-400, 0, SKIN], [-250, 0.5, SKIN], [-100, 0.9, SKIN], [3000, 0.95, SKIN]] },
  { id: 'skin-low-dose', zh: '皮肤（低剂量）', en: 'Skin, low dose', of: 'hu', knots: [[-550, 0, SKIN], [-150, 0.25, SKIN], [50, 0.6, SKIN], [3000, 0.9, SKIN]], edge: 40 },
  { id: 'skin-bone', zh: '皮肤透视骨', en: 'Bone through skin', of: 'hu', knots: [[-350, 0, SKIN], [-250, 0.03, SKIN], [-150, 0.012, SKIN], [120, 0.004, FLESH], [220, 0.15, BONE], [450, 0.8, BONE], [1200, 0.95, IVORY]] },
  { id: 'muscle', zh: '肌肉', en: 'Muscle', of: 'hu', knots: [[-30, 0, FLESH], [20, 0.12, FLESH], [70, 0.5, FLESH], [180, 0.5, GOLD], [300, 0.8, BONE], [1200, 0.95, IVORY]] },
  { id: 'lung', zh: '肺', en: 'Lung', of: 'hu', knots: [[-1000, 0, AIR], [-930, 0.01, LUNG], [-780, 0.05, LUNG], [-550, 0.12, LUNG], [-420, 0, LUNG]], inside: true },
  { id: 'lung-vessels', zh: '肺血管', en: 'Lung vessels', of: 'hu', knots: [[-720, 0, LUNG], [-550, 0.06, LUNG], [-300, 0.35, BLOOD], [-190, 0.4, BLOOD], [-150, 0, BLOOD]], inside: true },
  { id: 'airway', zh: '气道', en: 'Airway', of: 'hu', knots: [[-1050, 0, AIR], [-1000, 0, AIR], [-985, 0.3, AIR], [-930, 0.3, AIR], [-900, 0, AIR]], edge: 15, inside: true },
  { id: 'vessels', zh: '增强血管', en: 'Vessels, contrast', of: 'hu', knots: [[130, 0, BLOOD], [190, 0.15, BLOOD], [260, 0.6, BLOOD], [420, 0.85, GOLD], [900, 0.95, BONE]] },
  { id: 'vessels-child', zh: '儿童血管（低对比剂）', en: 'Vessels, child', of: 'hu', knots: [[90, 0, BLOOD], [140, 0.1, BLOOD], [200, 0.5, BLOOD], [320, 0.8, GOLD], [800, 0.95, BONE]] },
  { id: 'heart', zh: '心脏与大血管', en: 'Heart and great vessels', of: 'hu', knots: [[60, 0, FLESH], [110, 0.05, FLESH], [170, 0.25, BLOOD], [300, 0.6, BLOOD], [420, 0.3, GOLD], [700, 0.35, BONE]] },
  { id: 'kidney', zh: '肾', en: 'Kidney', of: 'hu', knots: [[90, 0, KIDNEY], [130, 0.12, KIDNEY], [200, 0.5, KIDNEY], [280, 0.6, GOLD], [400, 0.3, BONE], [900, 0.6, IVORY]] },
  { id: 'liver', zh: '肝脾', en: 'Liver and spleen', of: 'hu', knots: [[55, 0, LIVER], [80, 0.05, LIVER], [115, 0.2, LIVER], [150, 0.12, LIVER], [200, 0.3, GOLD], [400, 0.7, BONE]] },
  { id: 'brain', zh: '脑（CT）', en: 'Brain, CT', of: 'hu', knots: [[12, 0, BRAIN], [24, 0.03, BRAIN], [38, 0.14, BRAIN], [60, 0.1, BRAIN], [85, 0, BRAIN]] },
  { id: 'mr-brain', zh: '脑（MR）', en: 'Brain, MR', of: 'share', knots: [[0.22, 0, BRAIN], [0.34, 0.06, BRAIN], [0.5, 0.3, BRAIN], [0.75, 0.6, IVORY], [1, 0.7, WHITE]] },
  { id: 'mr-surface', zh: '表面（MR）', en: 'Surface, MR', of: 'share', knots: [[0.08, 0, SKIN], [0.14, 0.35, SKIN], [0.3, 0.8, SKIN], [1, 0.9, SKIN]] },
  { id: 'mr-vessels', zh: '血管（MR）', en: 'Vessels, MR', of: 'share', knots: [[0.6, 0, BLOOD], [0.72, 0.15, BLOOD], [0.88, 0.6, BLOOD], [1, 0.9, GOLD]] },
  { id: 'mip', zh: '最大密度投影', en: 'MIP', of: 'hu', knots: [[-100, 0, WHITE], [900, 1, WHITE]], projection: true },
  { id: 'mr-mip', zh: '最大信号投影', en: 'MIP', of: 'share', knots: [[0.1, 0, WHITE], [1.3, 1, WHITE]], projection: true },
];

/** Those that mean something for a modality. */
export function templatesFor(modality: string | null): Template[] {
  const of = modality === 'CT' ? 'hu' : 'share';
  return TEMPLATES.filter((one) => one.of === of);
}

/** How the reader bent a template: moved along the values, and drawn wider or narrower, both as shares of its own width. */
export interface Bend {
  shift: number;
  stretch: number;
}

export const STRAIGHT: Bend = { shift: 0, stretch: 1 };

/** The knots of a template in the values of a series; `range`: its darkest and brightest hundredth. */
export function knotsOf(template: Template, range: readonly [number, number], { shift, stretch }: Bend): Knot[] {
  const [low, high] = range;
  const own = template.knots.map(([value]) => (template.of === 'hu' ? value : low + value * (high - low)));
  // The dense end of some templates reaches far: the width that counts is that of the first part.
  const [first, last] = [own[0] as number, own[Math.min(2, own.length - 1)] as number];
  const width = last - first;
  return template.knots.map(([, opacity, colour], i) => [first + ((own[i] as number) - first) * stretch + shift * width, opacity, colour]);
}

/** Opacity of one mm and colour at a value. */
export function seen(knots: readonly Knot[], value: number): { opacity: number; colour: Rgb } {
  const [first, last] = [knots[0] as Knot, knots[knots.length - 1] as Knot];
  if (value <= first[0]) return { opacity: first[1], colour: first[2] };
  if (value >= last[0]) return { opacity: last[1], colour: last[2] };
  const i = knots.findIndex(([from]) => from > value);
  const [a, b] = [knots[i - 1] as Knot, knots[i] as Knot];
  const t = (value - a[0]) / (b[0] - a[0] || 1);
  const mix = (axis: 0 | 1 | 2): number => a[2][axis] + (b[2][axis] - a[2][axis]) * t;
  return { opacity: a[1] + (b[1] - a[1]) * t, colour: [mix(0), mix(1), mix(2)] };
}
