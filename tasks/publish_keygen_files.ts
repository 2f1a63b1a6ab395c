import { UsageError } from "../lib/base/errors.ts";
import { generateSigningKey } from "../lib/nix/signing_key.ts";
import { parseStoreUri } from "../lib/nix/store_uri.ts";
import { resolveContext, type TaskContextOptions } from "../lib/runner/context.ts";
import { writeFileAtomic } from "../lib/base/atomic_file.ts";
import type { PublishKeygenOptions, PublishKeygenResult } from "./publish_after.ts";

/** Does the work of `publishKeygen`. */
export async function runPublishKeygen(
  options: PublishKeygenOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishKeygenResult> {
  const context = resolveContext(ctx);
  const readers = (options.stores ?? []).map((store) => {
    const { read, shown } = parseStoreUri(store);
    return read ?? shown;
  });
  const { secretText, publicText } = await generateSigningKey(options.name);
  context.redactor.add(secretText.split(":")[1]!);
  const written = context.dryRun ||
    await writeFileAtomic(options.file, `${secretText}\n`, { mode: 0o600, createNew: true });
  if (!written) {
    throw new UsageError(`Cannot write the key "${options.file}": the file is there already`, {
      hint: "name another file; a key that was lost cannot be made again",
    });
  }
  return {
    file: options.file,
    publicKey: publicText,
    lines: [
      ...(readers.length === 0 ? [] : [`extra-substituters = ${readers.join(" ")}`]),
      `extra-trusted-public-keys = ${publicText}`,
    ],
  };
}
