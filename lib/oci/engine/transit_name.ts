/**
 * The name by which an engine fetches an image from this process, for as long as that takes.
 *
 * @module
 */
import {
  formatIdentity,
  ownIdentity,
  parseIdentity,
  stateOf,
} from "../../base/process_identity.ts";
import type { StoredImage } from "../../base/stored_image.ts";
import type { ImageEngine } from "./image_engine.ts";

/** A repository that tells whose it is, and is not to be guessed by others on this machine, who could ask too. */
export function transitRepository(): string {
  return `kedge/${formatIdentity(ownIdentity())}/${crypto.randomUUID()}`;
}

/** Takes away what processes that are no more left in an engine, with images that have no other name; what it will not give up stays. */
export async function removeLeftTransits(
  engine: Pick<ImageEngine, "untag">,
  images: readonly Pick<StoredImage, "names">[],
  signal: AbortSignal,
): Promise<void> {
  const left = images.flatMap(({ names }) => names).filter(isLeftTransit);
  for (const name of left) await engine.untag(name, signal).catch(() => {});
}

/** One of another machine, or another container, is not called left. */
function isLeftTransit(name: string): boolean {
  const [, owner] = /^127\.0\.0\.1:\d+\/kedge\/([0-9a-z.]+)\/[0-9a-f-]{36}@/.exec(name) ?? [];
  const identity = owner === undefined ? undefined : parseIdentity(owner);
  return identity !== undefined && stateOf(identity) === "dead";
}
