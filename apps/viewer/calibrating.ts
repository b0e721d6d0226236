/** What is asked when a line is drawn to calibrate (V-17): its true length, and whether that is meant where the header knows better. */
import type { Question } from './dialog';
import type { Measured } from './measure/kinds';
import { isTrusted, knownLength, LONGEST_KNOWN, sameGeometry } from './measure/calibration';
import type { ImagePoint } from './measure/length';
import { say } from './words';

/** Pixels; a shorter line would give mm by the width of a hand's tremor. */
const SHORTEST = 10;

/** The question for a line; a text instead of it when the line cannot calibrate. */
export function calibrationQuestion({ series, index, frame, language }: Measured, points: readonly ImagePoint[], before: string): Question | string {
  const [from, to] = points as [ImagePoint, ImagePoint];
  if (frame.plane) return say('calibrationPlane', language);
  if (Math.hypot(to[0] - from[0], to[1] - from[1]) < SHORTEST) return say('lineTooShort', language);
  const received = series.frame(index);
  const alike = (series.header?.frames ?? []).filter((one) => sameGeometry(one, received)).length;
  return {
    title: say('knownLength', language),
    hint: `${say('calibrationScope', language)}${alike}\n${say('calibrationClear', language)}`,
    value: before,
    longest: String(LONGEST_KNOWN).length + 7,
    check: (text) => (knownLength(text) === null ? say('knownLengthWrong', language) : null),
    ...(isTrusted(received, points) ? { consent: say('calibrationTrusted', language) } : {}),
  };
}
