/**
 * The position (0 … count − 1) whose distance is smallest, the first of equal ones; −1 when there is none.
 * A distance of null or NaN leaves a position out.
 */
export function closest(count: number, distance: (position: number) => number | null): number {
  let best = -1;
  let least = Infinity;
  for (let position = 0; position < count; position += 1) {
    const off = distance(position);
    if (off !== null && off < least) [best, least] = [position, off];
  }
  return best;
}
