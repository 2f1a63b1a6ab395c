import { UsageError } from "../base/errors.ts";

/** The proof that a store holds all that an entry needs. */
export interface CatalogProof {
  /** Where it was written. */
  store: string;
  /** Where it was read. */
  read: string;
  /** When it was proven, in ISO 8601. */
  at: string;
  /** How deep: `present` or `full`. */
  depth: string;
  /** The sha256 of each narinfo, by the hash part of its store path. */
  narInfos: Record<string, string>;
}

/** One store path of an entry's closure, with all that its narinfo must say. */
export interface CatalogPath {
  /** The store path. */
  path: string;
  /** The sha256 of its NAR. */
  narHash: string;
  /** The size of its NAR, in bytes. */
  narSize: number;
  /** The base names of the paths that it needs. */
  references: readonly string[];
}

/** What is known of an entry before the catalog has it. */
export interface CatalogEntryDraft {
  /** The package: letters, digits and `+ . _ -`. */
  name: string;
  /** Its version, of the same letters. */
  version: string;
  /** The system that it runs on: `x86_64-linux`. */
  system: string;
  /** The store paths that were asked for. */
  storePaths: readonly string[];
  /** All that they need, themselves included. */
  closure: readonly CatalogPath[];
  /** The sizes of all NARs together, in bytes. */
  closureBytes: number;
  /** For each store, the proof. */
  proofs: readonly CatalogProof[];
}

/** One entry of a catalog. */
export interface CatalogEntry extends CatalogEntryDraft {
  /** `name@version/system`. */
  id: string;
  /** When it was first committed, in ISO 8601. */
  created: string;
  /** When its proofs were last renewed, in ISO 8601. */
  updated: string;
  /** Whether its version is the current one of its name and system. */
  current: boolean;
}

/** What names of packages and versions are made of. */
export const wordPattern = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,127}$/;
/** What names of systems are made of. */
export const systemPattern = /^[a-z0-9_]{1,32}-[a-z0-9_]{1,32}$/;

/** The id of an entry. */
export function entryId(name: { name: string; version: string; system: string }): string {
  return `${name.name}@${name.version}/${name.system}`;
}

/** Whether two entries were asked for the same store paths, in whatever order. */
export function samePaths(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join("\n") === [...b].sort().join("\n");
}

/**
 * Refuses names that no entry can have.
 *
 * @throws {UsageError} if the name, the version or the system is not allowed
 */
export function checkEntryName(
  { name, version, system }: { name: string; version: string; system: string },
): void {
  for (const [what, value] of [["name", name], ["version", version]] as const) {
    if (!wordPattern.test(value)) {
      throw new UsageError(
        `Cannot publish with the ${what} ${JSON.stringify(value)}: it is not allowed`,
        {
          hint:
            `a ${what} has 1 to 128 letters, digits and + . _ -, and begins with a letter or a digit`,
        },
      );
    }
  }
  if (!systemPattern.test(system)) {
    throw new UsageError(
      `Cannot publish for the system ${JSON.stringify(system)}: it is not allowed`,
      {
        hint: "a system is named as x86_64-linux or aarch64-darwin",
      },
    );
  }
}

/**
 * `name@version/system`, `name@version` or `name`, taken apart.
 *
 * @throws {UsageError} if it is none of them
 */
export function parseEntryId(text: string): { name: string; version?: string; system?: string } {
  const match = /^([^@/]+)(?:@([^@/]+))?(?:\/([^@/]+))?$/.exec(text);
  if (match === null) {
    throw new UsageError(`Cannot find the entry ${JSON.stringify(text)}: it is not a valid name`, {
      hint: "an entry is named NAME, NAME@VERSION or NAME@VERSION/SYSTEM",
    });
  }
  const [, name = "", version, system] = match;
  checkEntryName({ name, version: version ?? "0", system: system ?? "x86_64-linux" });
  return {
    name,
    ...(version === undefined ? {} : { version }),
    ...(system === undefined ? {} : { system }),
  };
}
