/**
 * Looks into a kexec bundle without unpacking it.
 *
 * Invariants: nothing is written; every byte of the tarball is read and every file in it hashed; of each file at most its first
 * 128 KiB are kept in memory.
 *
 * @module
 */
import { basename } from "@std/path";
import { defined } from "../base/defined.ts";
import { type Digest, Hasher } from "../base/digest.ts";
import { VerificationError } from "../base/errors.ts";
import { silentMeter } from "../base/meter.ts";
import type { KexecArchitecture } from "./architecture.ts";
import type { BundleContents, BundlePart } from "./bundle_contents.ts";
import { bundleMembers } from "./bundle_members.ts";
import { bundleParts } from "./bundle_parts.ts";
import { checkPart, type PartFacts } from "./check_part.ts";
import type { CheckBundleOptions } from "./check_bundle.ts";

const headBytes = 128 * 1024;

/** Does the work of `checkBundle`. */
export async function runCheckBundle(
  path: string,
  options: CheckBundleOptions = {},
): Promise<BundleContents> {
  const { name = basename(path), meter = silentMeter } = options;
  const signal = options.signal ?? new AbortController().signal;
  const parts: BundlePart[] = [];
  const facts = new Map<string, PartFacts>();
  const reading = { name, signal, ...defined({ maxUnpackedBytes: options.maxUnpackedBytes }) };
  for await (const member of bundleMembers(path, reading)) {
    const isPart = bundleParts.includes(member.path);
    if (isPart && member.type !== "file") throw refused(name, `${member.path} is no file`);
    if (member.type !== "file") continue;
    const { digest, size, head } = await readMember(member.body, signal);
    const isExecutable = (member.mode & 0o111) !== 0;
    parts.push({ path: member.path, digest, size, isExecutable });
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
  parts.sort((a, b) => a.path < b.path ? -1 : 1);
  return {
    architecture,
    ...(version === undefined ? {} : { kernelVersion: version }),
    parts,
    unpackedBytes: parts.reduce((sum, part) => sum + part.size, 0),
  };
}

async function readMember(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ digest: Digest; size: number; head: Uint8Array }> {
  const hasher = new Hasher();
  const head = new Uint8Array(headBytes);
  for await (const piece of body) {
    signal.throwIfAborted();
    if (hasher.size < headBytes) {
      head.set(piece.subarray(0, headBytes - hasher.size), hasher.size);
    }
    hasher.update(piece);
  }
  return {
    digest: hasher.digest(),
    size: hasher.size,
    head: head.subarray(0, Math.min(headBytes, hasher.size)),
  };
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
