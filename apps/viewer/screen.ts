/**
 * How large a CSS pixel of this workstation's screen is, measured once by its reader (V-17): no browser says it. Kept in the browser's
 * storage; another zoom of the page, or another screen (devicePixelRatio), needs a measurement of its own.
 */
export interface Screen {
  /** mm of the glass for one CSS pixel. */
  mmPerPixel: number;
  /** devicePixelRatio it was measured with. */
  ratio: number;
  /** ISO 8601. */
  measured: string;
}

const KEY = 'px-screen';
/** mm for a CSS pixel: from a dense telephone to a projector is none of it. */
const PLAUSIBLE = [0.05, 1] as const;

/** Where storage is refused, it holds for the page. */
let ofPage: Screen | null = null;

/** The screen as it was measured; null when it has not been, or not in this state. */
export function knownScreen(ratio = window.devicePixelRatio): Screen | null {
  const found = stored() ?? ofPage;
  return found && Math.abs(found.ratio - ratio) < 1e-6 ? found : null;
}

/** @throws RangeError when no screen has such pixels. */
export function keepScreen(mmPerPixel: number, ratio = window.devicePixelRatio): Screen {
  if (!(mmPerPixel >= PLAUSIBLE[0] && mmPerPixel <= PLAUSIBLE[1])) throw new RangeError(`no screen has pixels of ${mmPerPixel} mm`);
  ofPage = { mmPerPixel, ratio, measured: new Date().toISOString() };
  try {
    window.localStorage.setItem(KEY, JSON.stringify(ofPage));
  } catch {
    // A private window keeps nothing: it is asked again next time.
  }
  return ofPage;
}

function stored(): Screen | null {
  try {
    const one = JSON.parse(window.localStorage.getItem(KEY) ?? 'null') as Partial<Screen> | null;
    const { mmPerPixel, ratio, measured } = one ?? {};
    if (typeof mmPerPixel !== 'number' || typeof ratio !== 'number' || typeof measured !== 'string') return null;
    return mmPerPixel >= PLAUSIBLE[0] && mmPerPixel <= PLAUSIBLE[1] ? { mmPerPixel, ratio, measured } : null;
  } catch {
    return null;
  }
}
