/**
 * Which uploads are being worked on, so that nobody goes on with one in the middle of another's chunk: two that write one upload send
 * much in vain, and may spoil it.
 *
 * @module
 */
import {
  formatIdentity,
  ownIdentity,
  parseIdentity,
  stateOf,
} from "../../base/process_identity.ts";
import type { UploadState } from "../memory.ts";

/** The addresses at which this process goes on. */
const own = new Set<string>();

/** One upload that this process works on, wherever it goes on. */
export class UploadClaim implements Disposable {
  #location: string | undefined;

  /** The upload goes on at this address; without one there is none any more. */
  move(location: string | undefined): void {
    if (this.#location !== undefined) own.delete(this.#location);
    this.#location = location;
    if (location !== undefined) own.add(location);
  }

  /** Nobody works on it any more. */
  [Symbol.dispose](): void {
    this.move(undefined);
  }
}

/** This process, as it is remembered with an upload. */
export function uploadOwner(): string {
  return formatIdentity(ownIdentity());
}

/** Whether somebody works on an upload that is remembered, as far as this machine can tell. */
export function isClaimed({ location, owner }: UploadState): boolean {
  if (owner === uploadOwner()) return own.has(location);
  const identity = owner === undefined ? undefined : parseIdentity(owner);
  return identity !== undefined && stateOf(identity) === "alive";
}
