/** DICOM's body parts (PS3.16 CID 4031) in words that stand alone; anything else as it was written. */
import bodyParts from '../bodyParts.json'
import { lang } from '../shell/language'
import type { Lang } from '../shell/problem'

const KNOWN: Readonly<Record<string, string[] | undefined>> = bodyParts

export function bodyPartWord(part: string | null, of: Lang = lang.value): string {
  const word = KNOWN[(part ?? '').toUpperCase().replace(/[ _]/g, '')]?.[of === 'en' ? 1 : 0]
  return word === undefined ? (part ?? '') : word.charAt(0).toUpperCase() + word.slice(1)
}
