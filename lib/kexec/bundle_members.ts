import { VerificationError } from "../base/errors.ts";
import type { GrowingFile } from "../base/growing_file.ts";
import { type TarLimits, type TarMember, tarMembers } from "./tar_members.ts";
import {
  compressionMagicBytes,
  compressionOfBytes,
  compressionOfName,
  type TarballCompression,
} from "./tarball_compression.ts";
import { unpackedBytes } from "./unpacked_bytes.ts";

const maxMembers = 10_000;
const defaultMaxUnpackedBytes = 4 * 1024 ** 3;

/** Options of {@linkcode bundleMembers}. */
export interface BundleMembersOptions {
  /** The name that the file has for others. */
  name: string;
  /** The most bytes that it may unpack to. @default {4 GiB} */
  maxUnpackedBytes?: number;
  /** Ends the reading. */
  signal: AbortSignal;
}

/**
 * The members of a kexec bundle, which may still be growing, one after the other, without its compression.
 *
 * @throws {VerificationError} if its name and its bytes say different things of the compression, a member is unsafe, a limit is
 * passed, or the tarball is damaged
 */
export async function* bundleMembers(
  file: GrowingFile,
  { name, maxUnpackedBytes, signal }: BundleMembersOptions,
): AsyncGenerator<TarMember> {
  signal.throwIfAborted();
  const compression = await compressionOf(file, name);
  const bytes = unpackedBytes(file, compression, name, signal);
  const limits: TarLimits = {
    members: maxMembers,
    bytes: maxUnpackedBytes ?? defaultMaxUnpackedBytes,
  };
  try {
    yield* tarMembers(packedOnce(bytes, compression, name), name, limits);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

async function compressionOf(file: GrowingFile, name: string): Promise<TarballCompression> {
  const head = await firstPiece(file.pieces(compressionMagicBytes));
  const actual = compressionOfBytes(head);
  if (actual === undefined) {
    const state = head.byteLength === 0 ? "it is empty" : "it is not a tarball, packed or not";
    throw refused(name, state, "is it a web page?");
  }
  const named = compressionOfName(name);
  if (named === undefined || named === actual) return actual;
  throw refused(
    name,
    `its name says ${named}, its contents ${actual}`,
    "nixos-anywhere chooses how to unpack a bundle by its name: rename the file",
  );
}

/** The bytes of a tarball, if they are not packed again: a server may pack what is packed already. */
async function* packedOnce(
  bytes: AsyncIterable<Uint8Array>,
  outer: TarballCompression,
  name: string,
): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const piece of bytes) {
    const inner = isFirst ? compressionOfBytes(piece) : undefined;
    if (inner !== undefined && inner !== "none") {
      throw refused(
        name,
        `it is packed twice, by ${inner} and then by ${outer}`,
        "unpack it once; its server, or who fetched it, may have packed what was packed already",
      );
    }
    isFirst = false;
    yield piece;
  }
}

async function firstPiece(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const piece of pieces) return piece;
  return new Uint8Array();
}

function refused(name: string, state: string, hint: string): VerificationError {
  return new VerificationError(`Cannot use "${name}": ${state}`, { hint });
}
