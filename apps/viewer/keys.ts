/** Keys of the viewer: their names, and which command each means. Only while the viewer has the focus, so that a page's own keys stay free. */
import { COMMANDS, type Command } from './commands';

type Pressed = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'altKey' | 'metaKey' | 'shiftKey'>;

/** Other keys than the usual ones, by id of the command; an empty list takes the keys away. */
export type OwnKeys = Readonly<Record<string, readonly string[]>>;

const SHIFTED: Readonly<Record<string, string>> = { '>': '.', '<': ',' };

/**
 * Name of a pressed key: `w`, `F5`, `Ctrl+z`, `Ctrl+Shift+z`. A letter is itself in either case, so that Caps Lock changes nothing; null for
 * keys that are never one by themselves, and for those with Alt, which are the browser's.
 */
export function keyName(event: Pressed): string | null {
  const { key } = event;
  if (event.altKey || ['Control', 'Shift', 'Alt', 'Meta', 'CapsLock', 'Dead', 'Process', 'Unidentified', 'Tab'].includes(key)) return null;
  const control = event.ctrlKey || event.metaKey;
  const plain = SHIFTED[key] ?? (key.length === 1 ? key.toLowerCase() : key);
  return `${control ? 'Ctrl+' : ''}${control && event.shiftKey ? 'Shift+' : ''}${plain}`;
}

/** As `keyName`, but a letter with Shift is a key of its own: what a reader presses to choose a key. */
export function chosenKeyName(event: Pressed): string | null {
  const name = keyName(event);
  return event.shiftKey && name !== null && /^[a-z]$/.test(name) ? `Shift+${name}` : name;
}

/** The keys of a command: the reader's own, else the usual ones without those the reader has given to others. */
export function keysOf(command: Command, own: OwnKeys): readonly string[] {
  const chosen = own[command.id];
  if (chosen) return chosen;
  const taken = new Set(Object.values(own).flat());
  return command.keys.filter((key) => !taken.has(key));
}

/** The command of these a key means; null when it means nothing here and should go on to the page. */
export function commandOf(event: Pressed, own: OwnKeys = {}, commands: readonly Command[] = COMMANDS): Command | null {
  const name = keyName(event);
  if (name === null) return null;
  const named = (one: string): Command | null => commands.find((command) => keysOf(command, own).includes(one)) ?? null;
  // A letter with Shift may be a key of its own; where it is none, it is the letter.
  return (event.shiftKey && /^[a-z]$/.test(name) ? named(`Shift+${name}`) : null) ?? named(name);
}

const SHOWN: Readonly<Record<string, string>> = { ArrowUp: '↑', ArrowDown: '↓', ArrowLeft: '←', ArrowRight: '→', Escape: 'Esc', ' ': 'Space' };

/** A key as people read it: `W`, `Ctrl Z`, `↑`. */
export function keyLabel(name: string): string {
  const parts = name.length > 1 ? name.split(/\+(?=.)/) : [name];
  return parts.map((part) => SHOWN[part] ?? (part.length === 1 ? part.toUpperCase() : part)).join(' ');
}
