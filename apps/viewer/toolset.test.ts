import { describe, expect, it } from 'vitest';
import { licensed } from './acts/licensed';
import { COMMANDS, type Commanded } from './commands';
import { commandOf, keysOf } from './keys';
import { FUNCTIONS, functionsOf, Toolset, type FunctionId } from './toolset';

/** I-1 … I-22 of the contract (2.3). */
const HOSPITAL = [1, 2, 4, 5, 6, 7, 8, 9, 11, 13, 14, 15, 19, 20, 22, 23, 24, 25, 27, 32, 33, 37].map((number) => `V-${number}`);
const IDS = Object.keys(FUNCTIONS) as FunctionId[];
const hospital = new Toolset(functionsOf(HOSPITAL));
const centre = new Toolset(functionsOf(['*']));

function pressOf(name: string): Parameters<typeof commandOf>[0] {
  const parts = name.length > 1 ? name.split(/\+(?=.)/) : [name];
  return { key: parts.at(-1) as string, ctrlKey: parts.includes('Ctrl'), shiftKey: parts.includes('Shift'), altKey: false, metaKey: false };
}

describe('the table of functions', () => {
  it('has every clause of the image workstation once, and names commands there are, each once', () => {
    const clauses = IDS.map((id) => FUNCTIONS[id][0] as string).filter((clause) => clause.startsWith('V-'));
    expect(clauses).toEqual(Array.from({ length: 37 }, (_, at) => `V-${at + 1}`));
    const named = IDS.flatMap((id) => [...FUNCTIONS[id][1]] as string[]);
    expect(new Set(named).size).toBe(named.length);
    for (const id of named) expect(COMMANDS.some((command) => command.id === id), id).toBe(true);
  });

  it('puts up of a protocol what a user has, and names the rest', () => {
    const curved = { study: '1', series: '2', curved: true, gamma: 1.2, index: 3 };
    expect(centre.fitting(curved)).toEqual({ view: curved, missing: [] });
    expect(hospital.fitting(curved)).toEqual({ view: { study: '1', series: '2', index: 3 }, missing: ['curve', 'gamma'] });
    const plane = { study: '1', series: '2', plane: 'coronal' };
    expect(hospital.fitting(plane)).toEqual({ view: plane, missing: [] });
    expect(new Toolset([]).fitting(plane)).toEqual({ view: { study: '1', series: '2' }, missing: ['mpr'] });
    const again = { study: '1', series: '2', rendering: true, reconstruction: { made: 'cpr' } as never };
    expect(hospital.fitting(again).view).toEqual({ study: '1', series: '2', rendering: true });
  });

  it('leaves to everybody only what belongs to no function', () => {
    const free = new Toolset([]).commands().map(({ id }) => id);
    expect(free).toEqual(['tool-scroll', 'previous-image', 'next-image', 'ten-back', 'ten-on', 'first-image', 'last-image', 'bone-age-atlas', 'planes', 'undo', 'redo', 'remove', 'finish', 'cancel']);
  });
});

describe('a hospital', () => {
  const excluded = IDS.filter((id) => !HOSPITAL.includes(FUNCTIONS[id][0]));

  it('has I-1 to I-22', () => {
    expect(IDS.filter((id) => hospital.has(id)).map((id) => FUNCTIONS[id][0])).toEqual(HOSPITAL);
    expect(excluded).toEqual(expect.arrayContaining(['gamma', 'polyline', 'cobb', 'lasso', 'filter', 'oblique', 'curve', 'slab', 'bone', 'annotation', 'children', 'itk']));
  });

  it.each(excluded)('has no command and no key of %s', (id) => {
    for (const name of FUNCTIONS[id][1]) {
      expect(hospital.allows(name)).toBe(false);
      expect(hospital.commands().some((command) => command.id === name)).toBe(false);
      const command = COMMANDS.find((one) => one.id === name);
      for (const key of command?.keys ?? []) expect(commandOf(pressOf(key), {}, hospital.commands())?.id, key).not.toBe(name);
      // a key of the reader's own choice reaches it no more than the usual ones
      expect(commandOf(pressOf('F9'), { [name]: ['F9'] }, hospital.commands())).toBeNull();
    }
  });
});

it('the centre has every command by every key', () => {
  expect(centre.commands()).toEqual(COMMANDS);
  for (const id of IDS) expect(centre.has(id)).toBe(true);
  for (const command of COMMANDS) for (const key of keysOf(command, {})) expect(commandOf(pressOf(key), {}, centre.commands())?.id).toBe(command.id);
});

describe('a call', () => {
  /** What a command asks of the viewer: the call and its arguments. */
  function callOf(run: (viewer: Commanded) => unknown): [string, unknown[]] {
    let called: [string, unknown[]] = ['', []];
    run(new Proxy({}, { get: (_, name) => (...args: unknown[]) => void (called = [String(name), args]) }) as Commanded);
    return called;
  }

  it.each(IDS.filter((id) => FUNCTIONS[id][1].length > 0))('behind a command of %s needs it', (id) => {
    const without = new Toolset(IDS.filter((one) => one !== id));
    for (const name of FUNCTIONS[id][1]) {
      const command = COMMANDS.find((one) => one.id === name);
      const [call, args] = callOf((viewer) => command?.run(viewer));
      expect([name, without.allowsCall(call, args), new Toolset([id]).allowsCall(call, args)]).toEqual([name, false, true]);
    }
  });
  it('of a slab needs one of two functions, and the mean of a slab, or none, needs the slab', () => {
    const [slab, projection] = [new Toolset(['slab']), new Toolset(['projection'])];
    for (const mode of ['max', 'min', 'mean']) expect(slab.allowsCall('setSlab', [{ mode, thickness: 5 }])).toBe(true);
    expect(['max', 'min', 'mean'].map((mode) => projection.allowsCall('setSlab', [{ mode, thickness: 5 }]))).toEqual([true, true, false]);
    expect(projection.allowsCall('setSlab', [null])).toBe(false);
  });
  it('of what was shown needs what it was computed with', () => {
    expect(hospital.allowsCall('present', [{ reconstruction: { made: 'cpr' } }])).toBe(false);
    expect(hospital.allowsCall('present', [{ reconstruction: { made: 'mpr' } }])).toBe(true);
    expect(new Toolset([]).allowsCall('present', [{ reconstruction: null }])).toBe(true);
  });
  it('that is not allowed has no effect and answers false; two parts may not answer to one name', () => {
    class Told {
      heard: unknown[] = [];
      tell(what: string): number {
        this.heard.push(what);
        return this.heard.length;
      }
    }
    class Other {
      tell(): void {}
    }
    const told = new Told();
    const one = licensed([told], (_, [what]) => what !== 'no');
    expect([one.tell('yes'), one.tell('no'), told.heard]).toEqual([1, false, ['yes']]);
    expect(() => licensed([new Told(), new Other()], () => true)).toThrow('tell');
  });
});
