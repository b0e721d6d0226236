/** Which cases are read against a bone-age atlas. */
import { modalityOf } from './fitting';
import { mentionsAny } from './mention';
import { BONE_AGE, isHandOrWrist } from './parts';
import type { CaseFacts, SeriesFacts } from './protocol';

/** A radiograph of a hand or wrist, or one that says it is for bone age. */
export function isBoneAgeFilm(facts: CaseFacts, series: readonly SeriesFacts[]): boolean {
  if (modalityOf(facts, series) !== 'DR') return false;
  const described = series.map(({ description }) => description);
  return isHandOrWrist(facts.part, facts.description, ...described) || mentionsAny([facts.part, facts.description, ...described].filter(Boolean).join(' '), BONE_AGE);
}
