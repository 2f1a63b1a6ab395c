/**
 * Where an import comes from.
 *
 * @module
 */
import { delay } from "@std/async";
import { defined } from "../../lib/base/defined.ts";
import { IncompleteError, VerificationError } from "../../lib/base/errors.ts";
import { type Digest, sameDigest } from "../../lib/base/digest.ts";
import { defaultRetryPolicy } from "../../lib/http/retry_policy.ts";
import { askPathInfo } from "../../lib/nix/program/ask_path_info.ts";
import { cacheClosure } from "../../lib/nix/stores/cache_closure.ts";
import { queryClosure } from "../../lib/nix/program/closure.ts";
import type { NarInfo } from "../../lib/nix/nar/nar_info.ts";
import { narPieces } from "../../lib/nix/nar/nar_pieces.ts";
import { NarVerifier } from "../../lib/nix/nar/nar_verifier.ts";
import { nixStoreDir } from "../../lib/nix/folder/nix_folder.ts";
import { openStore } from "../../lib/nix/stores/open_store.ts";
import { prepareStore } from "../../lib/nix/stores/prepare_store.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import { parsePathInfo, type PathInfo } from "../../lib/nix/path_info.ts";
import { physicalPath } from "../../lib/nix/physical_path.ts";
import { parsePublicKey } from "../../lib/nix/signing_key.ts";
import type { StoreTree } from "../../lib/nix/folder/store_tree.ts";
import { unpackNar } from "../../lib/nix/nar/unpack_nar.ts";
import type { Step } from "../../lib/operation/operation.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { PublishSpool } from "../publish/spool.ts";
import { nixMemory } from "../shared/nix_memory.ts";
import type { ImportStoreOptions } from "./copy_store.ts";
import type { StoreEnd } from "./store_end.ts";

const yieldEveryBytes = 16 * 1024 * 1024;

/** What was written of a path. */
export interface WrittenNar {
  /** The sha256 of its NAR. */
  narHash: Digest;
  /** The size of its NAR, in bytes. */
  narSize: number;
}

/** A store that paths are read from. */
export interface ImportSource {
  /** Requests that it costs to bring one path. */
  readonly requestsEach: number;
  /** The paths with all that they need; of a path that is known already nothing need be said. */
  closure(
    names: readonly string[],
    isKnown: (name: string) => boolean,
    step: Step,
  ): Promise<PathInfo[]>;
  /** Writes a path that {@linkcode ImportSource.closure} named. */
  write(info: PathInfo, tree: StoreTree, signal: AbortSignal): Promise<WrittenNar>;
}

/** Opens the store that an import comes from. */
export async function importSource(
  end: StoreEnd,
  options: ImportStoreOptions,
  context: TaskContext,
  opened: AsyncDisposableStack,
): Promise<ImportSource> {
  return end.kind === "nix"
    ? fromNix(end, options)
    : await fromCache(end, options, context, opened);
}

function fromNix(end: StoreEnd & { kind: "nix" }, options: ImportStoreOptions): ImportSource {
  const nix = { ...options.nix, store: end.store };
  return {
    requestsEach: 0,
    async closure(names, _isKnown, { signal }) {
      const paths = names.map((name) => `${nixStoreDir}/${name}`);
      if (options.closure !== false) return await queryClosure(paths, { ...nix, signal });
      const answers = await askPathInfo(paths, [], "ask for the paths", { ...nix, signal });
      return answers.flatMap(parsePathInfo);
    },
    async write({ storePath }, tree, signal) {
      const verifier = new NarVerifier(tree);
      let bytes = 0;
      for (const piece of narPieces(physicalPath(storePath.path, nixStoreDir, end.store))) {
        verifier.update(piece);
        if ((bytes += piece.length) < yieldEveryBytes) continue;
        bytes = 0;
        // Others must run now and then, and may end it.
        await delay(0);
        signal.throwIfAborted();
      }
      return verifier.end();
    },
  };
}

async function fromCache(
  end: StoreEnd & { kind: "cache" },
  options: ImportStoreOptions,
  context: TaskContext,
  opened: AsyncDisposableStack,
): Promise<ImportSource> {
  const publicKeys = await Promise.all((options.publicKeys ?? []).map(parsePublicKey));
  const prepared = await prepareStore(end.uri);
  for (const secret of prepared.credentials.secrets) context.redactor.add(secret);
  const sessions = opened.use(new PublishSpool(context.cache));
  const found = new Map<string, NarInfo>();
  let store: PublishStore | undefined;
  return {
    requestsEach: end.uri.kind === "file" ? 0 : 1,
    async closure(names, isKnown, { meter, signal }) {
      store ??= opened.use(
        await openStore(prepared, {
          keys: [],
          publicKeys,
          propagationMs: 0,
          retry: defaultRetryPolicy,
          sessions,
          makeMemory: nixMemory(context),
          meter,
          signal,
        }),
      );
      const { cache, limit } = store;
      const only = options.closure === false;
      const infos = await cacheClosure(cache, names, { limit, only, publicKeys, isKnown, signal });
      for (const [name, info] of infos) found.set(name, info);
      return [...infos.values()];
    },
    async write({ storePath }, tree, signal) {
      const info = found.get(storePath.baseName)!;
      const nar = await store!.cache.reader.open(info.url, { signal });
      if (nar === undefined) {
        throw new IncompleteError(
          `Cannot copy "${storePath.path}" from "${end.shown}": its NAR is not there`,
          { side: "source" },
        );
      }
      const unpacking = unpackNar(nar, info.compression, {
        signal,
        narSize: info.narSize,
        visitor: tree,
      });
      const written = await unpacking.catch((cause) => {
        if (!(cause instanceof VerificationError)) throw cause;
        throw new VerificationError(
          `Cannot copy "${storePath.path}" from "${end.shown}": its NAR cannot be unpacked`,
          { side: "source", cause, ...defined({ hint: cause.hint }) },
        );
      });
      if (info.fileHash !== undefined && !sameDigest(written.fileHash, info.fileHash)) {
        throw new VerificationError(
          `Cannot copy "${storePath.path}" from "${end.shown}": its NAR has the digest ${written.fileHash} instead of ${info.fileHash}`,
          { side: "source" },
        );
      }
      return written;
    },
  };
}
