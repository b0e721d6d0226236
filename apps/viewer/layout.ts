/** Grids of cells: any up to 4 × 4, named rows × columns. */
type Count = 1 | 2 | 3 | 4;
export type LayoutName = `${Count}x${Count}`;

export const MOST = 4;
/** What the key goes through. */
const USUAL: readonly LayoutName[] = ['1x1', '1x2', '2x2', '2x3', '3x3'];

export function isLayout(name: unknown): name is LayoutName {
  return typeof name === 'string' && /^[1-4]x[1-4]$/.test(name);
}

export function gridOf(name: LayoutName): { rows: number; columns: number } {
  return { rows: Number(name[0]), columns: Number(name[2]) };
}

export function nextLayout(name: LayoutName): LayoutName {
  return USUAL[(USUAL.indexOf(name) + 1) % USUAL.length] as LayoutName;
}
