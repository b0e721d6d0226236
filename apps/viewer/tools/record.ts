/** Author and time of a measurement, written when it is begun. */
import type { Types } from '@cornerstonejs/tools';
import { cellOf } from './cells';

type Adder = (event: Types.EventTypes.InteractionEventType, interaction?: string) => Types.Annotation;

/** What a measurement remembers of its making; travels in the annotation's metadata. */
export interface Origin {
  author: string;
  created: string;
}

export function recordOrigin(tool: object): void {
  const drawing = tool as { addNewAnnotation: Adder };
  const add = drawing.addNewAnnotation;
  drawing.addNewAnnotation = (event, interaction) => {
    const annotation = add.call(tool, event, interaction);
    const origin: Origin = { author: cellOf(event.detail.element)?.author ?? '', created: new Date().toISOString() };
    if (annotation.metadata) Object.assign(annotation.metadata, { origin });
    return annotation;
  };
}
