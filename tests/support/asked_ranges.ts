import { delay } from "@std/async";
import { lookAt } from "../../lib/base/files.ts";
import { type Extent, Extents } from "../../lib/http/extents.ts";
import type { SeenRequest } from "./fake_registry.ts";

/**
 * The ranges of a blob that a registry was asked for and gave, in their order. A connection that is slow loses what it did not bring yet to
 * another one, which asks for that anew: bytes may be in two of them, though none is brought twice.
 */
export function askedRanges(requests: readonly SeenRequest[], digest: string): Extent[] {
  return requests.flatMap(({ method, path, status, range }) => {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
    const isOf = method === "GET" && status === 206 && path.endsWith(`/blobs/${digest}`);
    return isOf ? [{ start: Number(start), end: Number(last) + 1 }] : [];
  });
}

/** How many bytes of some ranges are in others too. */
export function sharedBytes(some: Iterable<Extent>, others: Iterable<Extent>): number {
  const [one, other] = [new Extents(some), new Extents(others)];
  return one.bytes + other.bytes - new Extents([...one, ...other]).bytes;
}

/** Waits until so many bytes of a file that is filled in any order are written. */
export async function untilWritten(path: string, bytes: number): Promise<void> {
  while ((lookAt(path)?.blocks ?? 0) * 512 < bytes) await delay(5);
}
