/** Permissions of Deno, as the `permissions` block of deno.json names them: everything, or a list. */
export interface PermissionSet {
  /** Everything, which includes what no other permission gives: to look at other processes. */
  readonly all?: boolean;
  /** Files and folders that are read. */
  readonly read?: boolean | readonly string[];
  /** Files and folders that are written. */
  readonly write?: boolean | readonly string[];
  /** Hosts that are connected to. */
  readonly net?: boolean | readonly string[];
  /** Environment variables that are read. */
  readonly env?: boolean | readonly string[];
  /** Programs that are run. */
  readonly run?: boolean | readonly string[];
  /** Facts of the system that are read. */
  readonly sys?: boolean | readonly string[];
  /** Native libraries that are loaded. */
  readonly ffi?: boolean | readonly string[];
  /** Hosts that modules are imported from at run time. */
  readonly import?: boolean | readonly string[];
}

/** The permissions that a set names one by one. */
export const permissionKinds = [
  "read",
  "write",
  "net",
  "env",
  "run",
  "sys",
  "ffi",
  "import",
] as const;

/** All that any of the sets allows, without repetition. */
export function joinPermissions(sets: readonly PermissionSet[]): PermissionSet {
  if (sets.some((set) => set.all)) return { all: true };
  const joined: Record<string, true | string[]> = {};
  for (const kind of permissionKinds) {
    const wanted = sets.map((set) => set[kind] ?? false);
    if (wanted.includes(true)) {
      joined[kind] = true;
      continue;
    }
    const items = wanted.flatMap((each) => typeof each === "boolean" ? [] : each);
    if (items.length > 0) joined[kind] = [...new Set(items)].sort();
  }
  return joined;
}
