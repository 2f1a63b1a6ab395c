/**
 * Changes a small object that others may change at the same time: read, make the new one, write it if the old one still stands.
 *
 * Invariants: what is written was made of what was read last; what is right already is not written; somebody else's change is taken in
 * and never written over, as far as the store compares.
 *
 * @module
 */
import { KedgeError } from "../../base/errors.ts";

/** An object as it was read. */
export interface StandingObject {
  /** Its bytes. */
  bytes: Uint8Array;
  /** What the store calls this version of it; `undefined` where it names none. */
  tag?: string | undefined;
}

/** Makes an object of the one that stands, or of nothing. */
export type ChangeObject = (
  standing: Uint8Array | undefined,
) => Promise<Uint8Array<ArrayBuffer>>;

/** How one object is read and written. */
export interface ReplaceObjectOptions {
  /** The object, for people. */
  shown: string;
  /** Reads it anew; `undefined` where there is none. */
  read: () => Promise<StandingObject | undefined>;
  /** Writes it if the version of this tag still stands; `false` where another one does. Without a tag, it is written in any case. */
  write: (bytes: Uint8Array<ArrayBuffer>, tag: string | undefined) => Promise<boolean>;
  /** Makes the new one. */
  change: ChangeObject;
}

const mostTries = 8;

/**
 * Replaces an object by what is made of it.
 *
 * @throws {KedgeError} if others changed it each time in between
 */
export async function replaceObject(options: ReplaceObjectOptions): Promise<void> {
  const { shown, read, write, change } = options;
  for (let tried = 0; tried < mostTries; tried++) {
    const standing = await read();
    const bytes = await change(standing?.bytes);
    if (standing !== undefined && sameBytes(standing.bytes, bytes)) return;
    if (await write(bytes, standing?.tag)) return;
  }
  throw new KedgeError(
    `Cannot write "${shown}": others changed it in between, ${mostTries} times`,
    { side: "destination", hint: "nothing of theirs was overwritten; run the same command again" },
  );
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
