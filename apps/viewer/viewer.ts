/** The viewer as a page or a kernel has it: what can be asked of it (`acts/`), each call as far as its user has the function, and its keys. */
import { cache } from '@cornerstonejs/core';
import { Computing } from './acts/computing';
import { Handling } from './acts/handling';
import { licensed } from './acts/licensed';
import { Looking } from './acts/looking';
import { Marking } from './acts/marking';
import { Presenting } from './acts/presenting';
import { Showing } from './acts/showing';
import type { Viewer, ViewerOptions } from './api';
import type { Commanded } from './commands';
import { start, store } from './engine';
import { commandOf } from './keys';
import { sourceCount } from './loader';
import { Refusal } from './refusal';
import { UnsupportedViewer } from './unsupported';
import { Workings } from './workings';

const viewers = new Set<Workings>();
store.inUse = (series) => [...viewers].some((inside) => inside.shows(series));

function gridViewer(parent: HTMLElement, options: ViewerOptions): Viewer {
  const inside = new Workings(parent, options);
  viewers.add(inside);
  const refusal = new Refusal(inside.root, () => inside.language);
  const handling = new Handling(inside, () => {
    viewers.delete(inside);
    refusal.dispose();
  });
  const viewer: Viewer & Commanded = licensed(
    [new Showing(inside), new Looking(inside), new Computing(inside), new Presenting(inside), new Marking(inside), handling],
    (name, args) => inside.tools.allowsCall(name, args),
  );
  const { root, grid } = inside;
  root.addEventListener(
    'pointerdown',
    ({ target }) => {
      if (inside.dialog.contains(target)) return;
      const position = grid.at(target as Node);
      if (position >= 0 && position !== grid.active) grid.setActive(position);
      root.focus({ preventScroll: true });
    },
    true,
  );
  root.addEventListener('keydown', (event) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement) return;
    // Of all commands: the key of one that the user has not got is no other's, so that it does nothing unsaid.
    const command = commandOf(event, handling.keys);
    if (!command) return;
    if (!inside.tools.allows(command.id)) refusal.tell(command);
    else if (command.run(viewer) === false) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return viewer;
}

export function mountViewer(el: HTMLElement, options: ViewerOptions = {}): Viewer {
  return start().webgl ? gridViewer(el, options) : new UnsupportedViewer(el, options);
}

/** What the page holds in memory; for tests and the operator's page. */
export function storeFacts(): { series: number; bytes: number; images: number; cached: number; viewers: number } {
  return { series: store.size, bytes: store.bytes, images: sourceCount(), cached: cache.getCacheSize(), viewers: viewers.size };
}
