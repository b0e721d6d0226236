/** Names, sex and the ages that headers state, as they are written in the corners. */
import { say, type Language } from './words';

/** `Wang^XiaoDong=王^小东` → 王小东 in Chinese pages, Wang XiaoDong in English ones. */
export function personName(name: string | null | undefined, language: Language): string {
  const groups = (name ?? '').split('=').map((group) => group.split('^').map((part) => part.trim()).filter((part) => part !== ''));
  const [letters = [], signs = []] = groups;
  const join = (parts: string[]): string => parts.join(parts.every((part) => /^[\u2e80-\u9fff\uf900-\ufaff\uac00-\ud7af]+$/u.test(part)) ? '' : ' ');
  const preferred = language === 'zh' && signs.length > 0 ? signs : letters;
  return join(preferred.length > 0 ? preferred : signs);
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
