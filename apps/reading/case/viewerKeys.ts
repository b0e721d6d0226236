/** The reader's keys of the viewer: what is kept, which are the page's own, and how a key goes from one command to another. */
import { inject, type InjectionKey } from 'vue'

import type { Api } from '../../desk/shell'
import { COMMANDS, type Command } from '../../viewer/commands'
import { keyLabel, keysOf, type OwnKeys } from '../../viewer/keys'
import { ownDocument, type OwnDocument } from './ownDocument'

export const viewerKeys = (api: Api): OwnDocument<OwnKeys> => ownDocument<OwnKeys, { keys: OwnKeys }>(api, 'viewer-keys', { empty: {}, open: ({ keys }) => keys, wrap: (keys) => ({ keys }) })

/** Keys of the desk and of the browser: given to the viewer, they would do two things or never arrive. */
const TAKEN = new Set(['F1', 'F3', 'F4', 'F5', 'F6', 'F7', 'F8', 'F11', 'F12', '?', 'Ctrl+Enter', ...['a', 'c', 'f', 'k', 'l', 'n', 'p', 'r', 's', 't', 'v', 'w', 'x'].map((letter) => `Ctrl+${letter}`), ...['n', 't', 'w', 'r', 'i', 'j'].map((letter) => `Ctrl+Shift+${letter}`)])

export const isFree = (key: string): boolean => !TAKEN.has(key)

/** The command that has a key, if any. */
export function holder(own: OwnKeys, key: string): Command | null {
  return COMMANDS.find((command) => keysOf(command, own).includes(key)) ?? null
}

/** Gives a key to a command and takes it from the one that had it. */
export function give(own: OwnKeys, command: Command, key: string): OwnKeys {
  const before = holder(own, key)
  if (before === command) return own
  const changed = { ...own, [command.id]: [...keysOf(command, own), key] }
  if (before) changed[before.id] = keysOf(before, own).filter((one) => one !== key)
  return tidy(changed)
}

/** Takes a key from a command. */
export function take(own: OwnKeys, command: Command, key: string): OwnKeys {
  return tidy({ ...own, [command.id]: keysOf(command, own).filter((one) => one !== key) })
}

/** The usual keys again, as far as others do not have them. */
export function asUsual(own: OwnKeys, command: Command): OwnKeys {
  return Object.fromEntries(Object.entries(own).filter(([id]) => id !== command.id))
}

/** Without what says no more than the usual keys. */
function tidy(own: OwnKeys): OwnKeys {
  const same = (a: readonly string[], b: readonly string[]): boolean => a.length === b.length && a.every((key, at) => key === b[at])
  return Object.fromEntries(Object.entries(own).filter(([id, keys]) => !same(keys, COMMANDS.find((command) => command.id === id)?.keys ?? [])))
}

/** The first key of a command as people read it; empty when it has none. */
export function firstKey(own: OwnKeys, id: string): string {
  const command = COMMANDS.find((one) => one.id === id)
  const [key] = command ? keysOf(command, own) : []
  return key === undefined ? '' : keyLabel(key)
}

/** The key of a command, for the tips of its button. */
export const KEY_OF: InjectionKey<(id: string) => string> = Symbol('key of a command')

/** `(words, command)` → the words with the command's key behind them, as the reader has chosen it. */
export function useTips(): { keyOf(id: string): string; tip(words: string, id: string): string } {
  const keyOf = inject(KEY_OF, (id) => firstKey({}, id))
  return {
    keyOf,
    tip: (words, id) => {
      const key = keyOf(id)
      return key ? `${words} (${key})` : words
    },
  }
}
