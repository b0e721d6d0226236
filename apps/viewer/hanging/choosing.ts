/** Which series of a study a cell shows, and which earlier exams are compared with. Deterministic: the same facts give the same screen. */
import { kindOf, modalityOf } from './fitting';
import { likeness, mentionsAny } from './mention';
import { partsOf } from './parts';
import type { CaseFacts, PriorFacts, SeriesFacts, Wanted } from './protocol';

export interface Chosen {
  series: SeriesFacts;
  /** Image to open at; the middle one when absent. */
  index?: number;
}

/** A description that is no nearer than this is another series. */
const ALIKE = 0.5;

/** In order of number, localizers (one to three pictures beside a longer series) last. */
export function inOrder(series: readonly SeriesFacts[]): SeriesFacts[] {
  const longest = Math.max(0, ...series.map(({ frames }) => frames));
  const scout = ({ frames }: SeriesFacts): number => Number(frames <= 3 && longest > 3);
  return [...series].sort((a, b) => scout(a) - scout(b) || (a.number ?? 1e9) - (b.number ?? 1e9) || (a.series < b.series ? -1 : 1));
}

function pictureOf(series: readonly SeriesFacts[], position: number): Chosen | null {
  let before = 0;
  for (const one of series) {
    if (position < before + one.frames) return { series: one, index: position - before };
    before += one.frames;
  }
  return null;
}

function scoreOf(one: SeriesFacts, place: number, wanted: Wanted): number | null {
  const text = one.description ?? '';
  if (wanted.words?.length && !mentionsAny(text, wanted.words)) return null;
  if (wanted.without && mentionsAny(text, wanted.without)) return null;
  const { like } = wanted;
  if (like) {
    const near = like.description === '' ? Number(like.position === place && text === '') : likeness(like.description, text);
    // A series without a description is known by its place alone.
    if (near < ALIKE && !(text === '' && like.position === place)) return null;
    return near * 100 + Number(like.number !== null && like.number === one.number) * 10 + Number(like.position === place);
  }
  return Number(mentionsAny(text, wanted.rather ?? [])) * 20 - Number(mentionsAny(text, wanted.ratherNot ?? [])) * 20;
}

/** Null when the study has no such series. */
export function seriesFor(wanted: Wanted, study: readonly SeriesFacts[]): Chosen | null {
  const series = inOrder(study);
  if (wanted.picture !== undefined) return pictureOf(series, wanted.picture);
  if (wanted.nth !== undefined) return series[wanted.nth] ? { series: series[wanted.nth] as SeriesFacts } : null;
  let best: { one: SeriesFacts; score: number } | null = null;
  series.forEach((one, place) => {
    const score = scoreOf(one, place, wanted);
    if (score !== null && (best === null || score > best.score)) best = { one, score };
  });
  const found = best as { one: SeriesFacts; score: number } | null;
  return found && { series: found.one };
}

/** Earlier exams of the same kind of images and the same part of the body, the newest first. */
export function comparable(facts: CaseFacts, series: readonly SeriesFacts[], priors: readonly PriorFacts[]): PriorFacts[] {
  const kind = modalityOf(facts, series);
  const parts = partsOf(facts.part, facts.description, ...(facts.part ? [] : series.map(({ description }) => description)));
  return priors
    .filter((prior) => kindOf(prior.modality) === kind && (prior.date === null || facts.date === null || prior.date <= facts.date))
    .filter((prior) => parts.length === 0 || partsOf(prior.part, prior.description).some((part) => parts.includes(part)))
    .sort((a, b) => ((a.date ?? '') === (b.date ?? '') ? b.exam - a.exam : (a.date ?? '') < (b.date ?? '') ? 1 : -1));
}
