/**
 * Looks into a kexec bundle without unpacking it.
 *
 * Invariants: nothing is written; every byte of the tarball is read; of each file at most its first 128 KiB are kept in memory.
 *
 * @module
 */
import { basename } from "@std/path";
import { defined } from "../base/defined.ts";
import type { Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import type { GrowingFile } from "../base/growing_file.ts";
import { silentMeter } from "../base/meter.ts";
import type { KexecArchitecture } from "./architecture.ts";
import type { BundlePart } from "./bundle_contents.ts";
import { bundleMembers } from "./bundle_members.ts";
import { bundleParts } from "./bundle_parts.ts";
import type { CheckBundleOptions } from "./check_bundle.ts";
import { checkPart, type PartFacts } from "./check_part.ts";

const headBytes = 128 * 1024;

/** What is in a sound bundle, but for the digests. */
export interface Inspected {
  /** The machine that boots it. */
  architecture: KexecArchitecture;
  /** What `uname -r` will say, where the kernel tells. */
  kernelVersion?: string;
  /** All its files, in the order of the tarball. */
  parts: Omit<BundlePart, "digest">[];
}

/**
 * Checks a bundle, which may still be growing.
 *
 * @param hasherOf where given, the contents of each file go to the hasher that it makes for its path
 * @throws {VerificationError} naming what is wrong
 */
export async function inspectBundle(
  file: GrowingFile,
  options: CheckBundleOptions = {},
  hasherOf?: (path: string) => Hasher,
): Promise<Inspected> {
  const { name = basename(file.path), meter = silentMeter } = options;
  const signal = options.signal ?? new AbortController().signal;
  const parts: Inspected["parts"] = [];
  const facts = new Map<string, PartFacts>();
  const reading = { name, signal, ...defined({ maxUnpackedBytes: options.maxUnpackedBytes }) };
  for await (const member of bundleMembers(file, reading)) {
    const isPart = bundleParts.includes(member.path);
    if (isPart && member.type !== "file") throw refused(name, `${member.path} is not a file`);
    if (member.type !== "file") continue;
    const { size, head } = await readMember(member.body, hasherOf?.(member.path), signal);
    const isExecutable = (member.mode & 0o111) !== 0;
    parts.push({ path: member.path, size, isExecutable });
    facts.set(member.path, checkPart({ path: member.path, isExecutable, head }, name));
  }
  const missing = bundleParts.filter((each) => !facts.has(each));
  if (missing.length > 0) {
    throw refused(name, `it lacks ${missing.join(", ")}`, "a kexec bundle is a tarball of kexec/*");
  }
  const architecture = oneArchitecture(facts, name, options.architecture);
  if (!facts.has("kexec/ip")) {
    meter.note(
      `${name} has no kexec/ip: the installer may not keep the network as it is`,
      "warning",
    );
  }
  const { version } = facts.get("kexec/bzImage")!;
  return { architecture, ...(version === undefined ? {} : { kernelVersion: version }), parts };
}

async function readMember(
  body: AsyncIterable<Uint8Array>,
  hasher: Hasher | undefined,
  signal: AbortSignal,
): Promise<{ size: number; head: Uint8Array }> {
  const head = new Uint8Array(headBytes);
  let size = 0;
  for await (const piece of body) {
    signal.throwIfAborted();
    if (size < headBytes) head.set(piece.subarray(0, headBytes - size), size);
    hasher?.update(piece);
    size += piece.byteLength;
    release(piece);
  }
  return { size, head: head.subarray(0, Math.min(headBytes, size)) };
}

/**
 * Frees the memory of a piece that was used up, where the piece is the last in it: whoever unpacked it has no more to do with it
 * then. Left to the garbage collection, tens of MiB of them pile up before it runs.
 */
function release({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset + byteLength === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}

function oneArchitecture(
  facts: ReadonlyMap<string, PartFacts>,
  name: string,
  wanted: KexecArchitecture | undefined,
): KexecArchitecture {
  const kernel = facts.get("kexec/bzImage")!.architecture!;
  const program = facts.get("kexec/kexec")!.architecture;
  if (program !== kernel) {
    throw refused(name, `kexec/bzImage is for ${kernel}, kexec/kexec for ${program}`);
  }
  if (wanted === undefined || wanted === kernel) return kernel;
  throw new VerificationError(`Cannot use "${name}": it is for ${kernel} instead of ${wanted}`, {
    data: { expected: wanted, actual: kernel },
  });
}

function refused(name: string, state: string, hint?: string): VerificationError {
  return new VerificationError(
    `Cannot use "${name}": ${state}`,
    hint === undefined ? {} : { hint },
  );
}
