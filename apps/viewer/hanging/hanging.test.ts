import { describe, expect, it } from 'vitest';
import { isBoneAgeFilm } from './boneage';
import { BUILT_IN } from './builtin';
import { comparable, inOrder, seriesFor } from './choosing';
import { mentions, wordsOf } from './mention';
import { bandOf, cellsOf, faultsOf, protocolOf, type OwnProtocol, type Screen } from './own';
import { partsOf } from './parts';
import { choices, hang, planOf, smallestGrid, type Hangable } from './plan';
import { viewRequest, type CaseFacts, type PriorFacts, type SeriesFacts } from './protocol';

let counter = 0;
function one(description: string | null, frames = 30, more: Partial<SeriesFacts> = {}): SeriesFacts {
  counter += 1;
  return { study: '1.2', series: `1.2.${counter}`, number: counter, modality: 'CT', description, frames, ...more };
}
const facts = (more: Partial<CaseFacts> = {}): CaseFacts => ({ modality: 'CT', part: 'HEAD', description: '头颅平扫', age: 1200, date: '2026-11-23', ...more });
const prior = (exam: number, date: string, series: SeriesFacts[] | null, more: Partial<PriorFacts> = {}): PriorFacts => ({ ...facts({ date }), exam, series, ...more });
const around = (series: SeriesFacts[], more: Partial<Hangable> = {}): Hangable => ({ facts: facts(), series, priors: [], ...more });
const mr = (description: string, frames = 20): SeriesFacts => one(description, frames, { modality: 'MR' });
const dr = (description: string | null, frames = 1): SeriesFacts => one(description, frames, { modality: 'DX' });
const described = (plan: ReturnType<typeof hang>, all: SeriesFacts[]): (string | null | undefined)[] => (plan?.cells ?? []).map((cell) => all.find(({ series }) => series === cell?.series)?.description);

describe('words of a description', () => {
  it.each([
    ['t1w_tse_tra', 't1*', true], ['T10', 't1', false], ['T1 SE', 't1', true], ['at1', 't1*', false], ['T2-FLAIR', '*flair*', true], ['头颅CT平扫', '颅', true],
    ['ＣＴ ＨＥＡＤ', 'head', true], ['headache', 'head', false], ['', 'x', false], ['x', '*', false],
  ])('%s mentions %s: %s', (text, word, found) => expect(mentions(text, word)).toBe(found));

  it('are apart by spaces and commas of both languages', () => expect(wordsOf('肺，lung、 hr*; *')).toEqual(['肺', 'lung', 'hr*']));
});

describe('parts of the body', () => {
  it('follow the code, which holds against words', () => {
    expect(partsOf('BRAIN', '胸部')).toEqual(['HEAD']);
    expect(partsOf('chest_abdomen', null)).toEqual(['CHEST', 'ABDOMEN']);
  });
  it('else the words', () => {
    expect(partsOf(null, '双膝关节正侧位')).toEqual(['EXTREMITY']);
    expect(partsOf('胸部', null)).toEqual(['CHEST']);
    expect(partsOf(null, 'LUMBAR SPINE')).toEqual(['SPINE']);
    expect(partsOf(null, '其他')).toEqual([]);
  });
  it('do not take an operation for a hand', () => {
    expect(partsOf(null, '胸片（手术后）')).toEqual(['CHEST']);
    expect(partsOf(null, '左手手术后')).toEqual(['HAND']);
  });
});

describe('a film for bone age', () => {
  it.each([
    ['DX', 'HAND', '正位片', true], ['CR', 'WRIST', null, true], ['DR', '左手', null, true], ['dx', null, '左腕关节正位', true], ['DX', null, 'Left wrist PA', true], ['DX', 'HANDWRIST', '', true],
    ['DX', 'EXTREMITY', '左手正位', true], ['DX', 'CHEST', '骨龄片', true], ['CR', null, 'Bone age', true], ['DX', 'FINGER', null, true],
    ['CT', 'HAND', '左手平扫', false], ['MR', null, '骨龄', false], ['DX', 'CHEST', '胸部正位', false], ['DX', 'CHEST', '胸片（手术后）', false], ['DX', null, '胸片（手术后）', false],
    ['DX', 'KNEE', '左手外伤，膝关节正侧位', false], ['DX', 'EXTREMITY', '双膝正位', false], ['DX', null, null, false], [null, 'HAND', null, false],
  ])('%s %s %s: %s', (modality, part, description, is) => expect(isBoneAgeFilm(facts({ modality, part, description }), [])).toBe(is));
  it('also by what its images say', () => {
    const other = facts({ modality: 'DR', part: null, description: '摄片' });
    expect(isBoneAgeFilm(other, [dr('左手正位')])).toBe(true);
    expect(isBoneAgeFilm(other, [dr('胸部正位')])).toBe(false);
    expect(isBoneAgeFilm(facts({ modality: null, part: 'HAND' }), [dr(null)])).toBe(true);
  });
});

describe('a CT of the head', () => {
  const scout = one('scout', 2);
  const [plain, sharp, coronal] = [one('Head 5.0 H30s'), one('Head 1.0 H60s'), one('Head COR')];
  it('is hung as brain and bone, each of its own series', () => {
    const plan = hang(BUILT_IN, around([scout, plain, sharp, coronal]));
    expect(plan?.protocol.id).toBe('ct-head');
    expect(plan?.layout).toBe('1x2');
    expect(described(plan, [plain, sharp])).toEqual(['Head 5.0 H30s', 'Head 1.0 H60s']);
    expect(plan?.cells.map((cell) => [cell?.window?.center, cell?.window?.width])).toEqual([[35, 80], [400, 1800]]);
    expect(plan?.linked).toBe(true);
  });
  it('of one series twice', () => expect(described(hang(BUILT_IN, around([plain])), [plain])).toEqual(['Head 5.0 H30s', 'Head 5.0 H30s']));
  it('of a newborn with its own window, at 28 days but not at 29', () => {
    expect(hang(BUILT_IN, around([plain], { facts: facts({ age: 28 }) }))?.cells[0]?.window).toMatchObject({ center: 30, width: 60 });
    expect(hang(BUILT_IN, around([plain], { facts: facts({ age: 29 }) }))?.protocol.id).toBe('ct-head');
    expect(hang(BUILT_IN, around([plain], { facts: facts({ age: null }) }))?.protocol.id).toBe('ct-head');
  });
  it('with the reader’s own window of that name', () => {
    const own = { name: ' 脑 ', modality: 'CT', pattern: '', window: { center: 40, width: 70 }, gamma: 1, automatic: false };
    expect(hang(BUILT_IN, around([plain], { presets: [own] }))?.cells[0]?.window).toEqual({ center: 40, width: 70 });
  });
  it('with the newest prior below it, and awaits what is not known of it', () => {
    const before = one('Head 5.0', 30, { study: '1.3' });
    const priors = [prior(7, '2025-01-01', [one('x', 30, { study: '1.4' })]), prior(9, '2026-01-01', [before]), prior(11, '2026-02-01', [before], { part: 'CHEST' }), prior(12, '2026-03-01', [before], { modality: 'MR' }), prior(13, '2027-01-01', [before])];
    const plan = hang(BUILT_IN, around([plain], { priors }));
    expect([plan?.layout, plan?.cells.map((cell) => cell?.prior)]).toEqual(['2x2', [undefined, undefined, 9, 9]]);
    expect(plan?.active).toBe(0);
    const waiting = hang(BUILT_IN, around([plain], { priors: [prior(9, '2026-01-01', null)] }));
    expect([waiting?.layout, waiting?.awaited]).toEqual(['1x2', [9]]);
    expect(hang(BUILT_IN, around([plain], { priors: null }))?.layout).toBe('1x2');
  });
});

describe('a series of several that would do', () => {
  it('is not one with a word that rules it out, though it comes first', () => {
    const [flair, t2] = [mr('T2 FLAIR'), mr('T2 TSE')];
    expect(seriesFor({ words: ['t2*'], without: ['*flair*'] }, [flair, t2])?.series).toBe(t2);
    expect(seriesFor({ words: ['t2*'], without: ['*flair*'] }, [flair])).toBeNull();
  });
  it('is the first by number among equals', () => {
    const [first, second] = [mr('T2 TSE'), mr('T2 TSE')];
    expect(seriesFor({ words: ['t2*'] }, [second, first])?.series).toBe(first);
  });
  it('gets a window of CT numbers only when it is a CT', () => {
    const rule = { series: {}, window: 'lung' };
    const protocol = { id: 'x', zh: 'x', en: 'x', when: {}, cells: [rule] };
    expect(planOf(protocol, null, around([one('x')]))?.cells[0]?.window).toMatchObject({ width: 1500 });
    expect(planOf(protocol, null, around([mr('x')]))?.cells[0]).not.toHaveProperty('window');
  });
  it('of today is active, also where the protocol names a prior’s cell', () => {
    const before = one('x', 30, { study: '1.3' });
    const protocol = { id: 'x', zh: 'x', en: 'x', when: {}, cells: [{ series: {}, prior: 1 }, { series: {} }], active: 0 };
    expect(planOf(protocol, null, around([one('x')], { priors: [prior(1, '2025-01-01', [before])] }))?.active).toBe(1);
  });
});

describe('other exams', () => {
  it('CT of the chest: lung and mediastinum by kernel', () => {
    const all = [one('Thorax 1.0 B60f'), one('Thorax 5.0 B31f')];
    const plan = hang(BUILT_IN, around(all, { facts: facts({ part: 'CHEST', description: '胸部平扫' }) }));
    expect(described(plan, all)).toEqual(['Thorax 1.0 B60f', 'Thorax 5.0 B31f']);
    expect(plan?.cells.map((cell) => cell?.window?.center)).toEqual([-600, 40]);
  });
  it('planes only of a series that has enough images for them', () => {
    const abdomen = facts({ part: 'ABDOMEN', description: '腹部增强' });
    expect(hang(BUILT_IN, around([one('Abd', 60)], { facts: abdomen }))?.cells.map((cell) => cell?.view)).toEqual(['images', 'coronal']);
    expect(hang(BUILT_IN, around([one('Abd', 12)], { facts: abdomen }))?.layout).toBe('1x1');
  });
  it('MR of the brain by weighting, FLAIR and contrast told apart', () => {
    const all = [mr('t1_se_tra'), mr('t2_tse_tra'), mr('T2 FLAIR ax'), mr('ep2d_diff_3scan_trace'), mr('ep2d_diff_ADC'), mr('t1_se_cor')];
    const head = { facts: facts({ modality: 'MR', description: '头颅平扫' }) };
    expect(described(hang(BUILT_IN, around(all, head)), all)).toEqual(['t1_se_tra', 't2_tse_tra', 'T2 FLAIR ax', 'ep2d_diff_3scan_trace']);
    const more = [...all, mr('t1_se_tra+C')];
    const plan = hang(BUILT_IN, around(more, { facts: facts({ modality: 'MR', description: '头颅增强' }) }));
    expect(plan?.protocol.id).toBe('mr-brain-contrast');
    expect(described(plan, more).slice(0, 2)).toEqual(['t1_se_tra', 't1_se_tra+C']);
    const young = hang(BUILT_IN, around(all, { facts: facts({ modality: 'MR', age: 90 }) }));
    expect([young?.protocol.id, described(young, all)[3]]).toEqual(['mr-brain-infant', 'ep2d_diff_ADC']);
  });
  it('MR of a spine sagittal, in Chinese', () => {
    const all = [mr('矢状位 T1'), mr('矢状位 T2'), mr('横断位 T2')];
    expect(described(hang(BUILT_IN, around(all, { facts: facts({ modality: 'MR', part: 'LSPINE' }) })), all)).toEqual(['矢状位 T1', '矢状位 T2', '横断位 T2']);
  });
  it('radiographs: PA, lateral and the PA before; one series of two pictures; both sides; bone age', () => {
    const chest = (all: SeriesFacts[], priors: PriorFacts[] = []): ReturnType<typeof hang> => hang(BUILT_IN, around(all, { facts: facts({ modality: 'DX', part: 'CHEST', description: '胸部正侧位' }), priors }));
    const [side, front, old] = [dr('胸部侧位'), dr('胸部正位'), dr('Chest PA')];
    const plan = chest([side, front], [prior(3, '2025-01-01', [old], { modality: 'CR', part: 'CHEST' })]);
    expect([described(plan, [side, front, old]), plan?.layout, plan?.linked]).toEqual([['胸部正位', '胸部侧位', 'Chest PA'], '1x3', false]);
    expect(chest([dr(null, 2)])?.cells.map((cell) => cell?.index)).toEqual([0, 1]);
    const knees = [dr('Knee L'), dr('Knee R')];
    expect(described(hang(BUILT_IN, around(knees, { facts: facts({ modality: 'DX', part: 'KNEE' }) })), knees)).toEqual(['Knee R', 'Knee L']);
    expect(hang(BUILT_IN, around([dr('hand')], { facts: facts({ modality: 'DX', part: 'HAND', description: '骨龄测定' }) }))?.protocol.id).toBe('dr-bone-age');
  });
  it('what fits none has none', () => {
    expect(hang(BUILT_IN, around([mr('SAG MPRAGE')], { facts: facts({ modality: 'MR' }) }))).toBeNull();
    expect(hang(BUILT_IN, around([one('x', 30, { modality: 'NM' })], { facts: facts({ modality: 'NM', part: null, description: null }) }))).toBeNull();
    expect(hang(BUILT_IN, around([]))).toBeNull();
  });
});

describe('choosing', () => {
  it('is the same whatever order the facts come in', () => {
    const all = ['t1_se_tra', 't2_tse_tra', 'flair', 'dwi b1000', 't1+c', 'scout', 't1 sag', 't2 cor'].map((text, n) => mr(text, n === 5 ? 3 : 20));
    const wanted = JSON.stringify(hang(BUILT_IN, around(all, { facts: facts({ modality: 'MR' }) })));
    for (let turn = 0; turn < 40; turn += 1) {
      const mixed = all.map((series, n) => ({ series, key: Math.sin(turn * 37 + n * 101) })).sort((a, b) => a.key - b.key).map(({ series }) => series);
      expect(JSON.stringify(hang(BUILT_IN, around(mixed, { facts: facts({ modality: 'MR' }) })))).toBe(wanted);
    }
  });
  it('never shows one exam’s picture as another’s, nor a series that is not there', () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const random = (most: number, n: number): number => Math.abs(Math.floor(Math.sin(turn * 13 + n * 7) * 1e4)) % most;
      const kinds = ['CT', 'MR', 'DX', 'US'];
      const modality = kinds[random(4, 1)] as string;
      const names = ['t1', 't2 tra', 'lung', 'bone', '正位', 'L', 'R', 'scout', null];
      const study = (uid: string, n: number): SeriesFacts[] => Array.from({ length: random(6, n) + 1 }, (_, k) => one(names[random(9, n + k)] ?? null, random(60, k) + 1, { modality, study: uid }));
      const [here, there] = [study('2.1', 3), study('2.2', 5)];
      const parts = ['HEAD', 'CHEST', 'ABDOMEN', 'LSPINE', 'KNEE', 'HAND', null];
      const of = facts({ modality, part: parts[random(7, 9)] ?? null, age: random(5000, 2) });
      for (const plan of choices(BUILT_IN, { facts: of, series: here, priors: [{ ...of, date: '2020-01-01', exam: 5, series: there }] })) {
        expect(plan.cells.length).toBeGreaterThan(0);
        expect(smallestGrid(plan.cells.length)).toMatch(/^[1-4]x[1-4]$/);
        for (const cell of plan.cells) expect((cell?.prior === 5 ? there : here).some(({ series, study: uid }) => series === cell?.series && uid === cell.study)).toBe(true);
        expect(plan.cells[plan.active]?.prior).toBeUndefined();
      }
    }
  });
  it('puts localizers last, and without facts goes by number', () => {
    const [scout, a, b] = [one('scout', 1, { number: 1 }), one(null, 40, { number: 3 }), one(null, 40, { number: 2 })];
    expect(inOrder([scout, a, b]).map(({ number }) => number)).toEqual([2, 3, 1]);
    expect(seriesFor({ picture: 40 }, [scout, a, b])).toMatchObject({ series: { number: 3 }, index: 0 });
    expect(seriesFor({ picture: 81 }, [scout, a, b])).toBeNull();
  });
  it('compares with priors of any part when nothing says which it is', () => {
    expect(comparable(facts({ part: null, description: null }), [], [prior(1, '2020-01-01', null, { part: 'CHEST' })])).toHaveLength(1);
  });
});

describe('a reader’s own protocol', () => {
  const [flair, t2, before] = [mr('AX FLAIR'), mr('AX T2'), one('AX FLAIR fs', 20, { modality: 'MR', study: '1.9' })];
  const head = facts({ modality: 'MR' });
  const screen: Screen = {
    layout: '2x2', active: 1, linked: false,
    cells: [
      { study: '1.2', series: t2.series, view: 'images', window: { center: 1, width: 2 }, gamma: 1.2, inverted: true, rotation: 97.3, mirrored: true }, { study: '1.2', series: flair.series, view: 'sagittal', window: null, gamma: 1, inverted: false, rotation: 7.5, mirrored: false },
      null, { study: '1.9', series: before.series, view: 'curved', window: null, gamma: 1, inverted: false, rotation: 0, mirrored: false },
    ],
  };
  const priors = [prior(4, '2026-01-01', [before], { modality: 'MR' })];
  const own: OwnProtocol = { name: '我的', modality: 'MR', body_part: 'HEAD', words: '', age_from: null, age_below: null, layout: '2x2', linked: false, active: 1, cells: cellsOf(screen, head, [flair, t2], priors) };

  it('is made of the screen, and puts the same screen up for another child', () => {
    expect(own.cells[0]).toEqual({ series: { description: 'AX T2', number: t2.number, position: 1 }, prior: 0, view: 'images', window: null, gamma: 1.2, inverted: true, rotation: 90, mirrored: true });
    const next = [mr('AX T2'), mr('Ax Flair'), mr('SAG T1')];
    const plan = hang([...BUILT_IN, protocolOf(own, 0)], { facts: head, series: next, priors: [prior(8, '2026-05-01', [mr('ax flair')], { modality: 'MR' })] });
    expect([plan?.protocol.id, plan?.layout, plan?.active, plan?.linked]).toEqual(['own-0', '2x2', 1, false]);
    expect(plan?.cells.map((cell) => cell && [cell.series === next[0]?.series ? 'T2' : cell.series === next[1]?.series ? 'FLAIR' : 'other', cell.view, cell.prior, cell.gamma, cell.inverted])).toEqual([
      ['T2', 'images', undefined, 1.2, true], ['FLAIR', 'sagittal', undefined, undefined, undefined], null, ['other', 'curved', 8, undefined, undefined],
    ]);
    // A quarter suits other children; what corrects the tilt of one head does not.
    expect(plan?.cells.map((cell) => cell?.turn)).toEqual([{ rotation: 90, mirrored: true }, undefined, undefined, undefined]);
  });
  it('of earlier days says nothing of turning, and asks for none', () => {
    const old = own.cells.map((cell) => cell && { ...cell, rotation: undefined, mirrored: undefined }) as unknown as OwnProtocol['cells'];
    expect(planOf(protocolOf({ ...own, cells: old }, 0), null, { facts: head, series: [flair, t2], priors: [] })?.cells.map((cell) => cell?.turn)).toEqual([undefined, undefined, undefined, undefined]);
  });
  it('asks the viewer for each kind of view', () => expect((['images', 'coronal', 'rendering', 'curved'] as const).map(viewRequest)).toEqual([{}, { plane: 'coronal' }, { rendering: true }, { curved: true }]));
  it('does not fit where nothing of it is there', () => {
    expect(hang([protocolOf(own, 0)], { facts: head, series: [mr('perfusion')], priors: [] })).toBeNull();
    expect(hang([protocolOf({ ...own, modality: 'CT' }, 0)], { facts: head, series: [t2], priors: [] })).toBeNull();
  });
  it('stands by order before the built-in ones', () => {
    const two = [protocolOf({ ...own, name: 'a' }, 0), protocolOf({ ...own, name: 'b', words: '头颅' }, 1)];
    expect(choices([...BUILT_IN, ...two], { facts: head, series: [flair, t2], priors: [] }).map(({ protocol }) => protocol.zh).slice(0, 3)).toEqual(['a', 'b', 'MR 头颅：T1、T2、FLAIR、DWI']);
  });
  it('says what is wrong with it', () => {
    expect(faultsOf(own)).toEqual([]);
    expect(faultsOf({ ...own, name: ' ', age_from: 40, age_below: 40, cells: [null] })).toEqual(['name', 'ages', 'cells']);
    expect([bandOf(3), bandOf(28), bandOf(29), bandOf(5000), bandOf(null)]).toEqual([[null, 29], [null, 29], [29, 366], [4383, null], [null, null]]);
  });
});

describe('the built-in protocols', () => {
  it('have ids and names of their own', () => {
    for (const field of ['id', 'zh', 'en'] as const) expect(new Set(BUILT_IN.map((protocol) => protocol[field])).size).toBe(BUILT_IN.length);
  });
});
