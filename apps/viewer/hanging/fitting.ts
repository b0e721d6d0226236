/** Which protocols fit a case, how closely, and why. */
import { mentions } from './mention';
import { partsOf } from './parts';
import type { CaseFacts, Protocol, SeriesFacts } from './protocol';

export type Criterion = 'modality' | 'part' | 'words' | 'age';

export interface Fit {
  /** What it was chosen by, in the words of the case. */
  why: { by: Criterion; value: string }[];
  /** The more a protocol asks for, the closer it is. */
  score: number;
}

const SCORES: Readonly<Record<Criterion, number>> = { words: 8, part: 4, age: 2, modality: 1 };

/** CR and DX are one to a reader. */
const KINDS: Readonly<Record<string, string>> = { CR: 'DR', DX: 'DR', DR: 'DR' };
export const kindOf = (modality: string | null): string => {
  const name = (modality ?? '').trim().toUpperCase();
  return KINDS[name] ?? name;
};

/** What the images say they are, where they say it, else the exam. */
export function modalityOf(facts: CaseFacts, series: readonly SeriesFacts[]): string {
  const counts = new Map<string, number>();
  for (const { modality, frames } of series) if (modality) counts.set(kindOf(modality), (counts.get(kindOf(modality)) ?? 0) + frames);
  const [most] = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return counts.has(kindOf(facts.modality)) || !most ? kindOf(facts.modality) : most[0];
}

/** Null when it does not fit. */
export function fitOf({ when }: Protocol, facts: CaseFacts, series: readonly SeriesFacts[]): Fit | null {
  const why: Fit['why'] = [];
  if (when.modalities?.length) {
    const modality = modalityOf(facts, series);
    if (!when.modalities.some((one) => kindOf(one) === modality)) return null;
    why.push({ by: 'modality', value: modality });
  }
  const described = series.map(({ description }) => description ?? '');
  if (when.parts?.length) {
    const ours = partsOf(facts.part, facts.description);
    const parts = ours.length > 0 ? ours : partsOf(null, ...described);
    const found = when.parts.find((part) => parts.includes(part));
    if (!found) return null;
    why.push({ by: 'part', value: found });
  }
  if (when.words?.length) {
    const found = when.words.find((word) => [facts.description ?? '', ...described].some((text) => mentions(text, word)));
    if (found === undefined) return null;
    why.push({ by: 'words', value: found });
  }
  if (when.ages) {
    const [from, below] = when.ages;
    if (facts.age === null || (from !== null && facts.age < from) || (below !== null && facts.age >= below)) return null;
    why.push({ by: 'age', value: `${from ?? 0}–${below ?? ''}` });
  }
  return { why, score: why.reduce((sum, { by }) => sum + SCORES[by], 0) };
}

/** The reader's own in their order, then the built-in ones, the closest first. */
export function fittingOf(protocols: readonly Protocol[], facts: CaseFacts, series: readonly SeriesFacts[]): { protocol: Protocol; fit: Fit }[] {
  const fitting = protocols.flatMap((protocol, place) => {
    const fit = fitOf(protocol, facts, series);
    return fit ? [{ protocol, fit, place }] : [];
  });
  const rank = ({ protocol, fit }: (typeof fitting)[number]): number => (protocol.own ? Infinity : fit.score);
  return fitting.sort((a, b) => (rank(a) === rank(b) ? a.place - b.place : rank(b) - rank(a))).map(({ protocol, fit }) => ({ protocol, fit }));
}
