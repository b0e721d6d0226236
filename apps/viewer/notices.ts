/** Failures in words, with what to do next. */
import type { Notice } from './overlay';
import { away, ServiceProblem, StreamError } from './stream';
import { NotAVolume } from './volume/computed';
import { say, type Language } from './words';

export function failureNotice(problem: unknown, language: Language, retry: () => void): Notice {
  if (problem instanceof ServiceProblem) {
    const own = problem.words?.[language];
    if (own?.title) return { title: own.title, ...(own.action ? { action: own.action } : {}), retry };
    if (problem.status === 401) return { title: say('unauthorised', language), action: say('unauthorisedHow', language), retry };
    if (problem.status === 403) return { title: say('forbidden', language), action: say('forbiddenHow', language) };
    if (problem.status === 404) return { title: say('missing', language), action: say('missingHow', language), retry };
  }
  if (away(problem)) return { title: say('away', language), action: say('awayHow', language), retry };
  if (problem instanceof StreamError && problem.message.includes('cannot be decoded')) return { title: say('undecodable', language), action: say('undecodableHow', language) };
  if (problem instanceof NotAVolume) return { title: say('noVolume', language), action: say(problem.refusal, language) };
  return { title: say('failed', language), action: say('failedHow', language), retry };
}
