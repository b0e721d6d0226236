/**
 * What the viewer needs of dcmjs: Cornerstone reads DICOM files with it, which this viewer never does (the node has read them), but takes
 * its logger, four transfer syntaxes and the tags of its metadata modules from it at the moment of its own import.
 */
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import dcmjs from 'dcmjs';

const sources = join(dirname(fileURLToPath(import.meta.url)), '../../node_modules/@cornerstonejs/metadata/dist/esm');

/** Levels as loglevel counts them, so that `setLevel` means the same; warnings and errors are said, as dcmjs has it. */
const LOGGER = `
const LEVELS = { TRACE: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4, SILENT: 5 };
const loggers = new Map();
function logger(name) {
  if (loggers.has(name)) return loggers.get(name);
  let level = LEVELS.WARN;
  const say = (method, at) => (...words) => { if (at >= level) console[method](...words); };
  const made = {
    levels: LEVELS, getLogger: logger, getLevel: () => level,
    setLevel(to) { level = typeof to === 'number' ? to : LEVELS[String(to).toUpperCase()] ?? level; },
    trace: say('trace', 0), debug: say('debug', 1), log: say('debug', 1), info: say('info', 2), warn: say('warn', 3), error: say('error', 4),
  };
  loggers.set(name, made);
  return made;
}
export const log = logger('');
`;

/** Source of a module that stands for dcmjs. The tags are dcmjs' own, cut to the keywords that Cornerstone's metadata package names anywhere. */
export async function dcmjsParts() {
  const { dictionary, nameMap } = dcmjs.data.DicomMetaDictionary;
  const keywords = new Set();
  for (const file of await readdir(sources, { recursive: true })) {
    if (!file.endsWith('.js')) continue;
    for (const [word] of (await readFile(join(sources, file), 'utf8')).matchAll(/\b[A-Z][A-Za-z0-9]+\b/g)) if (Object.hasOwn(nameMap, word)) keywords.add(word);
  }
  if (keywords.size < 100) throw new Error('viewer build: the tags that Cornerstone names are not found; see dcmjs.mjs');
  const names = {};
  const tags = {};
  for (const keyword of keywords) {
    const tag = nameMap[keyword]?.tag;
    if (!tag) continue;
    names[keyword] = { tag };
    const hex = tag.slice(1, 5) + tag.slice(6, 10);
    if (dictionary[hex]) tags[hex] = { vr: dictionary[hex].vr, vm: dictionary[hex].vm };
  }
  const { IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN } = dcmjs.constants;
  const syntaxes = { IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN };
  return `${LOGGER}
class NoReader { constructor() { throw new Error('viewer: this build reads no DICOM files'); } }
export const constants = ${JSON.stringify(syntaxes)};
export default {
  log, constants,
  data: { DicomMetaDictionary: { dictionary: ${JSON.stringify(tags)}, nameMap: ${JSON.stringify(names)} } },
  async: { AsyncDicomReader: NoReader },
  utilities: { DicomMetadataListener: NoReader },
};
`;
}
