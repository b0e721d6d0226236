import { describe, expect, it } from 'vitest';

import { explained } from './explanations';

const nameless = { zh: '原窗 1', en: 'Stored 1' };

describe('names of the windows of a header', () => {
  it.each([
    ['MEDIASTINUM', '原窗 纵隔'], ['Soft_Tissue ', '原窗 软组织'], ['SOFT  TISSUE', '原窗 软组织'], ['lung', '原窗 肺'], ['WINDOW2', '原窗 2'], ['HARD', '原窗 硬'], ['HARDER', '原窗 较硬'], ['SOFTER', '原窗 较软'], ['Window 1', '原窗 1'],
    ['VENDOR SPECIAL 3', 'VENDOR SPECIAL 3'], ['肺窗', '肺窗'],
  ])('%s is said as %s in Chinese and as the device wrote it in English', (written, zh) => {
    expect(explained(written, nameless)).toEqual({ zh, en: written.trim() });
  });

  it('has a number where the device wrote nothing', () => {
    expect(explained('  ', nameless)).toEqual(nameless);
  });
});
