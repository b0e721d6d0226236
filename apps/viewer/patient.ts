/** Names and ages as they are written in the corners. */
import { say, type Language } from './words';

/** `Wang^XiaoDong=王^小东` → 王小东 in Chinese pages, Wang XiaoDong in English ones. */
export function personName(name: string | null | undefined, language: Language): string {
  const groups = (name ?? '').split('=').map((group) => group.split('^').map((part) => part.trim()).filter((part) => part !== ''));
  const [letters = [], signs = []] = groups;
  const join = (parts: string[]): string => parts.join(parts.every((part) => /^[\u2e80-\u9fff\uf900-\ufaff\uac00-\ud7af]+$/u.test(part)) ? '' : ' ');
  const preferred = language === 'zh' && signs.length > 0 ? signs : letters;
  return join(preferred.length > 0 ? preferred : signs);
}

function day(text: string): Date | null {
  const digits = text.replaceAll('-', '');
  if (!/^\d{8}$/.test(digits)) return null;
  const [year, month, date] = [Number(digits.slice(0, 4)), Number(digits.slice(4, 6)), Number(digits.slice(6, 8))];
  const made = new Date(Date.UTC(year, month - 1, date));
  return made.getUTCMonth() === month - 1 ? made : null;
}

/** Age on the day of the study: days in the first month, months below 2 years, years and months below 6, then years. */
export function ageText(birth: string | null | undefined, study: string | null | undefined, language: Language): string {
  const [from, to] = [day(birth ?? ''), day(study ?? '')];
  if (!from || !to || to < from) return '';
  const days = Math.round((to.getTime() - from.getTime()) / 86_400_000);
  let months = (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth();
  if (to.getUTCDate() < from.getUTCDate()) months -= 1;
  if (months < 1) return `${days}${say('days', language)}`;
  if (months < 24) return `${months}${say('months', language)}`;
  const years = Math.floor(months / 12);
  const rest = months % 12;
  const written = `${years}${say('years', language)}`;
  if (years >= 6 || rest === 0) return written;
  return language === 'zh' ? `${written}${rest}${say('months', language)}` : `${written} ${rest}${say('months', language)}`;
}

/** An age known in days only. */
export function daysText(days: number | null | undefined, language: Language): string {
  if (days === null || days === undefined || days < 0) return '';
  if (days < 28) return `${days}${say('days', language)}`;
  const months = Math.floor(days / 30.4375);
  return months < 24 ? `${months}${say('months', language)}` : `${Math.floor(days / 365.25)}${say('years', language)}`;
}

/** DICOM AS (`036Y`, `011M`, `005D`); anything else is not an age. */
export function dicomAge(text: string | null | undefined, language: Language): string {
  const match = /^(\d{3})([DWMY])$/.exec(text ?? '');
  if (!match) return '';
  const [, digits, unit] = match;
  const count = Number(digits);
  if (unit === 'W') return `${count * 7}${say('days', language)}`;
  return `${count}${say(unit === 'Y' ? 'years' : unit === 'M' ? 'months' : 'days', language)}`;
}

export function sexText(sex: string | null | undefined, language: Language): string {
  if (sex === 'M') return say('male', language);
  if (sex === 'F') return say('female', language);
  return sex === 'O' ? say('otherSex', language) : '';
}

/** `19001231` or `1900-12-31` → `1900-12-31`. */
export function dateText(date: string | null | undefined): string {
  const digits = (date ?? '').replaceAll('-', '');
  return /^\d{8}$/.test(digits) ? `${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6, 8)}` : '';
}
