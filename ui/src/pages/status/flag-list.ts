// The flags in the order that a reader wants: what somebody changed first.

export interface Flag {
  name: string;
  value: string;
  /** What it would be, where it was given another value. */
  usual: string | undefined;
}

/** Changed ones first, each part in the order of the answer. */
export function flagList(flags: Readonly<Record<string, string>>, changed: Readonly<Record<string, string>>): Flag[] {
  const all = Object.entries(flags).map(([name, value]) => ({ name, value, usual: Object.hasOwn(changed, name) ? changed[name] : undefined }));
  return [...all.filter((flag) => flag.usual !== undefined), ...all.filter((flag) => flag.usual === undefined)];
}
