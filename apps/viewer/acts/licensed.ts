/** One object of several parts, each call of which is first asked for: the only place where a function that a user has not got is held back. */

type Call = (...args: unknown[]) => unknown;
type Public<T> = Pick<T, keyof T>;
type All<T extends readonly object[]> = T extends readonly [infer First, ...infer Rest extends readonly object[]] ? Public<First> & All<Rest> : unknown;

/** What is not allowed does nothing and answers false. @throws Error when two parts have a method of the same name. */
export function licensed<T extends readonly object[]>(parts: readonly [...T], allows: (name: string, args: readonly unknown[]) => boolean): All<T> {
  const calls = new Map<string, Call>();
  for (const part of parts) {
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(part))) {
      if (name === 'constructor') continue;
      if (calls.has(name)) throw new Error(`two parts of a viewer have a ${name}`);
      const call = (part as Record<string, Call>)[name] as Call;
      calls.set(name, (...args) => allows(name, args) && call.apply(part, args));
    }
  }
  return Object.fromEntries(calls) as All<T>;
}
