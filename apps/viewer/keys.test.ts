import { describe, expect, it } from 'vitest';
import { COMMANDS } from './commands';
import { KINDS } from './measure/kinds';
import { commandOf, keyLabel, keyName, keysOf } from './keys';

const press = (key: string, held: Partial<Record<'ctrlKey' | 'altKey' | 'metaKey' | 'shiftKey', boolean>> = {}) => ({ key, ctrlKey: false, altKey: false, metaKey: false, shiftKey: false, ...held });

describe('keys', () => {
  it('are there for every tool', () => {
    for (const kind of Object.keys(KINDS)) expect(COMMANDS.some(({ id }) => id === `tool-${kind}`), kind).toBe(true);
  });

  it('mean one command each', () => {
    const all = COMMANDS.flatMap((command) => command.keys);
    expect(new Set(all).size).toBe(all.length);
    expect(new Set(COMMANDS.map(({ id }) => id)).size).toBe(COMMANDS.length);
    for (const command of COMMANDS) for (const key of command.keys) expect(commandOf(pressOf(key))?.id, key).toBe(command.id);
  });

  it.each([
    [press('w'), 'tool-window'],
    [press('W', { shiftKey: true }), 'tool-window'],
    [press('Z', { ctrlKey: true, shiftKey: true }), 'redo'],
    [press('z', { metaKey: true }), 'undo'],
    [press('>', { shiftKey: true }), 'gamma-brighter'],
    [press('+', { shiftKey: true }), 'zoom-in'],
    [press('w', { altKey: true }), undefined],
    [press('s', { ctrlKey: true }), undefined],
    [press('F8'), undefined],
    [press('Shift', { shiftKey: true }), undefined],
  ])('%o', (event, id) => expect(commandOf(event)?.id).toBe(id));

  it('can be chosen: the new one works, the usual one is free, and a key given away means only the new command', () => {
    const own = { 'tool-length': ['d'], invert: ['w'], mpr: [] };
    expect(commandOf(press('d'), own)?.id).toBe('tool-length');
    expect(commandOf(press('l'), own)).toBeNull();
    expect(commandOf(press('w'), own)?.id).toBe('invert');
    expect(commandOf(press('m'), own)).toBeNull();
    expect(keysOf(COMMANDS.find(({ id }) => id === 'tool-window') as (typeof COMMANDS)[number], own)).toEqual([]);
  });

  it('are written as people read them', () => {
    expect(['w', 'ArrowUp', 'Ctrl+Shift+z', '+', 'Ctrl++', 'F5', ' '].map(keyLabel)).toEqual(['W', '↑', 'Ctrl Shift Z', '+', 'Ctrl +', 'F5', 'Space']);
    expect(keyName(press('+', { ctrlKey: true }))).toBe('Ctrl++');
  });
});

function pressOf(name: string): ReturnType<typeof press> {
  const parts = name.length > 1 ? name.split(/\+(?=.)/) : [name];
  return press(parts.at(-1) as string, { ctrlKey: parts.includes('Ctrl'), shiftKey: parts.includes('Shift') });
}
