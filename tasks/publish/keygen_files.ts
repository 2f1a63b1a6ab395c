import { dirname } from "@std/path";
import { checkOptions } from "../../lib/base/check_options.ts";
import {
  isNoRoom,
  KedgeError,
  NoRoomError,
  NotAllowedError,
  UsageError,
} from "../../lib/base/errors.ts";
import { ifThere, isNotThere, isReadOnly, lookAt } from "../../lib/base/files.ts";
import { foreseeNames } from "../../lib/base/foresee_names.ts";
import { generateSigningKey } from "../../lib/nix/signing_key.ts";
import { parseStoreUri } from "../../lib/nix/stores/store_uri.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import { writeFileAtomic } from "../../lib/base/atomic_file.ts";
import type { PublishKeygenOptions, PublishKeygenResult } from "./after.ts";

/** Does the work of `publishKeygen`. */
export async function runPublishKeygen(
  options: PublishKeygenOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishKeygenResult> {
  checkOptions(options, { name: "text", file: "text" }, { stores: "texts" });
  const context = resolveContext(ctx);
  context.signal.throwIfAborted();
  const readers = (options.stores ?? []).map((store) => {
    const { read, shown } = parseStoreUri(store);
    return read ?? shown;
  });
  const { secretText, publicText } = await generateSigningKey(options.name);
  context.redactor.add(secretText.split(":")[1]!);
  if (context.dryRun) {
    await checkFree(options.file);
    return { file: options.file, publicKey: "", lines: [] };
  }
  context.signal.throwIfAborted();
  await writeKey(options.file, `${secretText}\n`);
  return {
    file: options.file,
    publicKey: publicText,
    lines: [
      ...(readers.length === 0 ? [] : [`extra-substituters = ${readers.join(" ")}`]),
      `extra-trusted-public-keys = ${publicText}`,
    ],
  };
}

async function writeKey(path: string, text: string): Promise<void> {
  try {
    if (await writeFileAtomic(path, text, { mode: 0o600, createNew: true })) return;
  } catch (error) {
    throw failed(path, error);
  }
  throw taken(path);
}

function failed(path: string, cause: unknown): KedgeError {
  if (isNotThere(cause)) return noFolder(path, cause);
  const options = { cause, side: "destination" } as const;
  const message = `Cannot write the key "${path}": ${(cause as Error).message}`;
  if (isNoRoom(cause)) return new NoRoomError(message, options);
  if (!isReadOnly(cause)) return new KedgeError(message, options);
  const hint = "name a file in a folder that this user may write to";
  return new NotAllowedError(message, { ...options, hint });
}

/** Refuses what writing the key there would, and writes nothing. */
async function checkFree(path: string): Promise<void> {
  if (lookAt(path) !== undefined) throw taken(path);
  const folder = await ifThere(Deno.stat(dirname(path)));
  if (!folder?.isDirectory) throw noFolder(path);
  try {
    foreseeNames(dirname(path));
  } catch (error) {
    throw failed(path, error);
  }
}

function taken(path: string): UsageError {
  return new UsageError(`Cannot write the key "${path}": the file is there already`, {
    hint: "name another file; a key that was lost cannot be made again",
  });
}

function noFolder(path: string, cause?: unknown): UsageError {
  return new UsageError(`Cannot write the key "${path}": "${dirname(path)}" is not a folder`, {
    cause,
    hint: "make that folder first, one that only you may read, or name another file",
  });
}
