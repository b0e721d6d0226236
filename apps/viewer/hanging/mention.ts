/** Whether a text mentions a word: descriptions of exams and series are written by hand, in two languages, in every spelling. */

const plain = (text: string): string => text.normalize('NFKC').toLowerCase();
const isLatin = (letter: string): boolean => /[a-z0-9]/.test(letter);

/**
 * A Latin word stands by itself (`t1` is not in `t10`); `*` at its end or start allows any letters there (`t1*`: t1w, t1_se). Chinese has
 * no gaps: there it may stand anywhere.
 */
export function mentions(text: string, word: string): boolean {
  const [open, close] = [word.startsWith('*'), word.endsWith('*')];
  const wanted = plain(word.replace(/^\*|\*$/g, '').trim());
  if (wanted === '') return false;
  const given = plain(text);
  const [first, last] = [wanted[0] as string, wanted[wanted.length - 1] as string];
  for (let at = given.indexOf(wanted); at >= 0; at = given.indexOf(wanted, at + 1)) {
    const [before, after] = [given[at - 1] ?? ' ', given[at + wanted.length] ?? ' '];
    if ((open || !isLatin(first) || !isLatin(before)) && (close || !isLatin(last) || !isLatin(after))) return true;
  }
  return false;
}

export const mentionsAny = (text: string, words: readonly string[]): boolean => words.some((word) => mentions(text, word));

/** Words a reader wrote into one field, apart by spaces, commas or the Chinese 、and ，. */
export function wordsOf(field: string): string[] {
  return field.split(/[\s,;，、；]+/).filter((word) => word.replace(/\*/g, '') !== '');
}

/** How much two descriptions have in common, 0…1: their words, a number counting as one. */
export function likeness(a: string, b: string): number {
  const [x, y] = [a, b].map((text) => new Set(plain(text).match(/[a-z]+|[0-9.]+|[^\sa-z0-9.,;:_()[\]/+-]/g) ?? [])) as [Set<string>, Set<string>];
  const all = new Set([...x, ...y]).size;
  return all === 0 ? 0 : [...x].filter((word) => y.has(word)).length / all;
}
