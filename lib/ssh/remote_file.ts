/**
 * A file that is brought to another host by ssh, the rest of it only.
 *
 * Invariants: it appears under its final name whole, verified there and synced, or not at all; what lies there of it is trusted only as far as its
 * digest is that of the same bytes here; of two writers at the same time one waits for the other (where `flock` is there), and
 * whoever finds other bytes than it planned for writes none.
 *
 * @module
 */
import { decodeHex } from "@std/encoding";
import type { Digest } from "../base/digest.ts";
import { digestHex, parseDigest } from "../base/digest_text.ts";
import { KedgeError, UnreachableError, VerificationError } from "../base/errors.ts";
import { ifThere } from "../base/files.ts";
import type { ObjectMeter } from "../base/meter.ts";
import { hashers, hashFunction } from "./hash_function.ts";
import { hashPrefix, readPieces } from "./read_pieces.ts";
import { answerFunction, readAnswers } from "./read_answers.ts";
import { remoteFailure } from "./remote_failure.ts";
import { shellQuote } from "./shell_quote.ts";
import type { SshSession } from "./ssh_session.ts";

/** Which file, and where it goes. */
export interface RemoteFileOptions {
  /** The file here. */
  path: string;
  /** Its digest. */
  digest: Digest;
  /** Its size in bytes. */
  size: number;
  /** The folder there. @default {"kexec" in the home folder there} */
  folder?: string;
  /** Its name there. */
  name: string;
}

/** What of a file is there. */
export interface RemoteState {
  /** Where it is or will be, there. */
  path: string;
  /** Bytes that are there already and are the same. */
  presentBytes: number;
  /** Whether all of it is there under its final name, with the right digest. */
  isComplete: boolean;
  /** Bytes free on the disk there; absent where it does not tell. */
  freeBytes?: number;
}

const codes = { changed: 76, short: 77, done: 78 } as const;

/** A file on its way to another host. */
export class RemoteFile {
  #options: RemoteFileOptions;
  /** The beginning of every script about this file: its names there as variables, and how to hash. */
  readonly prelude: string;
  /** A script that writes nothing and answers what is there; {@linkcode RemoteFile.state} reads it. */
  readonly probe: string;

  /** Says nothing to anybody yet. */
  constructor(options: RemoteFileOptions) {
    this.#options = options;
    const { folder, name } = options;
    this.prelude = `
      dir=${folder === undefined ? '"${HOME:-/root}/kexec"' : shellQuote(folder)}
      final="$dir"/${shellQuote(name)}
      part="$final".part
      ${hashFunction}
      # A link would lead elsewhere, a pipe be waited for.
      stranger() { [ -L "$1" ] || { [ -e "$1" ] && [ ! -f "$1" ]; }; }
      plain() { [ -f "$1" ] && [ ! -L "$1" ]; }
      bytes() { wc -c <"$1" 2>/dev/null || echo 0; }
    `;
    this.probe = `
      answer hasher "$hasher"
      answer path "$(printf %s "$final" | od -An -v -tx1 | tr -d ' \\n')"
      if plain "$final"; then
        answer finalSize "$(bytes "$final")"
        answer finalDigest "$(sum <"$final")"
      elif plain "$part"; then
        answer partSize "$(bytes "$part")"
        answer partDigest "$(sum <"$part")"
      fi
      at="$dir"
      while [ ! -d "$at" ]; do at=$(dirname -- "$at"); done
      # A file system without a size, such as a ramfs, tells nothing.
      answer freeKiB "$(df -Pk -- "$at" 2>/dev/null | tail -n 1 | awk '$(NF - 4) > 0 { print $(NF - 2) }')"
    `;
  }

  /**
   * What the probe answered, held against the file here; of one that is not here yet no part counts as present.
   *
   * @throws {KedgeError} if there is no program there that hashes, or the host does not tell where the file goes
   */
  async state(answers: Record<string, string>, signal: AbortSignal): Promise<RemoteState> {
    const { digest, size, path } = this.#options;
    if (!hashers.includes(answers.hasher ?? "")) {
      throw new KedgeError(`Cannot send "${path}": the host has no program that computes sha256`, {
        hint: `install one of these there: ${hashers.join(", ")}`,
        side: "destination",
      });
    }
    const { finalSize, finalDigest, partSize, partDigest } = answers;
    const isComplete = Number(finalSize) === size && finalDigest === digestHex(digest);
    let presentBytes = isComplete ? size : 0;
    const partBytes = Number(partSize ?? 0);
    if (!isComplete && Number.isSafeInteger(partBytes) && partBytes > 0 && partBytes <= size) {
      const here = await ifThere(hashPrefix(path, partBytes, signal));
      if (here !== undefined && digestHex(here) === partDigest) presentBytes = partBytes;
    }
    const freeKiB = Number(answers.freeKiB || NaN);
    return {
      path: this.#pathThere(answers.path ?? ""),
      presentBytes,
      isComplete,
      ...(Number.isFinite(freeKiB) ? { freeBytes: freeKiB * 1024 } : {}),
    };
  }

  #pathThere(hex: string): string {
    try {
      const path = new TextDecoder("utf-8", { fatal: true }).decode(decodeHex(hex));
      if (path.startsWith("/")) return path;
    } catch {
      // It is none, whatever is wrong with it.
    }
    throw new KedgeError(
      `Cannot send "${this.#options.path}": the host does not tell where it would lie there`,
      {
        hint: "its home folder must have an absolute path in UTF-8, and od must be installed",
        side: "destination",
      },
    );
  }

  /**
   * Sends the bytes that are not there.
   *
   * @throws {KedgeError} if what is there changed since it was looked at
   * @throws {UnreachableError} if the connection breaks
   */
  async send(
    session: SshSession,
    state: RemoteState,
    meter: ObjectMeter,
    signal: AbortSignal,
  ): Promise<void> {
    const { path, size, digest } = this.#options;
    const { presentBytes } = state;
    let sentBytes = 0;
    meter.reused(presentBytes);
    const script = `set -eu
      ${this.prelude}
      mkdir -p -- "$dir"
      clear() { if stranger "$1"; then rm -rf -- "$1"; fi; }
      clear "$part".lock
      exec 9>"$part".lock
      if command -v flock >/dev/null 2>&1; then flock 9; fi
      clear "$final"
      clear "$part"
      if [ -f "$final" ]; then
        [ "$(sum <"$final")" != ${digestHex(digest)} ] || exit ${codes.done}
        rm -f -- "$final"
      fi
      if [ ${presentBytes} -lt ${size} ] && [ "$(bytes "$part")" -eq ${size} ] &&
        [ "$(sum <"$part")" = ${digestHex(digest)} ]; then exit ${codes.done}; fi
      if [ ${presentBytes} -eq 0 ]; then : >"$part"; fi
      [ "$(bytes "$part")" -eq ${presentBytes} ] || exit ${codes.changed}
      cat >>"$part"
      sync "$part" 2>/dev/null || sync
      [ "$(bytes "$part")" -eq ${size} ] || exit ${codes.short}
    `;
    const { code, stderr } = await session.run(script, {
      stdin: readPieces(path, presentBytes, size, signal, (bytes) => {
        sentBytes += bytes;
        meter.moved(bytes);
      }),
    });
    const { target } = session.target;
    if (code === codes.done) return meter.reused(size - presentBytes - sentBytes);
    if (code === codes.changed) {
      throw new KedgeError(
        `Cannot send "${path}" to "${target}": the part that is there changed meanwhile`,
        { hint: "run it again", side: "destination" },
      );
    }
    if (code === codes.short) {
      throw new UnreachableError(`Cannot send "${path}" to "${target}": not all of it arrived`, {
        hint: "run it again: only the rest is sent",
        side: "destination",
      });
    }
    if (code !== 0) throw remoteFailure(`send "${path}" to`, target, stderr);
  }

  /**
   * Has all of it hashed there.
   *
   * @throws {VerificationError} if it is something else; then it is removed there
   */
  async verify(session: SshSession): Promise<void> {
    const { digest, path } = this.#options;
    const { code, stdout, stderr } = await session.run(`set -eu
      ${this.prelude}
      ${answerFunction}
      [ -f "$part" ] || part="$final"
      digest=$(sum <"$part")
      answer digest "$digest"
      [ "$digest" = ${digestHex(digest)} ] || rm -f -- "$part"
    `);
    const { target } = session.target;
    if (code !== 0) throw remoteFailure(`verify "${path}" on`, target, stderr);
    const actual = readAnswers(stdout).digest ?? "";
    if (actual === digestHex(digest)) return;
    throw new VerificationError(
      `Cannot use "${path}" on "${target}": it arrived with another digest`,
      {
        hint: "run it again: it is sent once more",
        side: "destination",
        data: { expected: digest, actual: actual === "" ? actual : parseDigest(actual) },
      },
    );
  }

  /** Gives it its final name there. */
  async commit(session: SshSession): Promise<void> {
    const { code, stderr } = await session.run(`set -eu
      ${this.prelude}
      [ ! -f "$part" ] || mv -f -- "$part" "$final"
      [ -f "$final" ]
      sync "$dir" 2>/dev/null || sync
    `);
    if (code === 0) return;
    throw remoteFailure(`keep "${this.#options.path}" on`, session.target.target, stderr);
  }
}
