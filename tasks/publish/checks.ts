/**
 * Holds the options of the task functions of stores and catalogs against what they must be, for callers whose types nobody checked.
 *
 * @module
 */
import { checkOptions, type OptionShape, refusedOption } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import { Secret } from "../../lib/base/secret.ts";
import { checkCatalog, neededToFind } from "./own_catalog.ts";
import type { PublishOptions } from "./publish.ts";
import type { PublishVerifyOptions } from "./after.ts";

const reaching = { retry: "object", nix: "object" } as const satisfies Record<string, OptionShape>;

/** Checks the options of `publish`. */
export function checkPublishOptions(options: PublishOptions): void {
  checkOptions(options, { name: "text", version: "text", paths: "texts", stores: "texts" }, {
    ...reaching,
    compression: "text",
    level: "number",
    system: "text",
    propagationMs: "milliseconds",
    proofMaxAgeMs: "milliseconds",
    replace: "switch",
    stallMs: "milliseconds",
  });
  checkCatalog(options.catalog, ["find", "commit"]);
  checkDepth("verify", options.verify);
  checkKeys(options.signingKey);
}

/** Checks the options of `publishVerify`. */
export function checkVerifyOptions(options: PublishVerifyOptions): void {
  checkOptions(options, { entry: "text" }, {
    ...reaching,
    stores: "texts",
    repair: "switch",
    publicKeys: "texts",
  });
  checkCatalog(options.catalog, [
    neededToFind(options.entry),
    // What is mended is proven again, in the entry.
    ...(options.repair === true ? ["find", "commit"] as const : []),
  ]);
  checkDepth("depth", options.depth);
  checkKeys(options.signingKey);
}

function checkDepth(name: string, depth: unknown): void {
  if (depth === undefined || depth === "present" || depth === "full") return;
  throw refusedOption(name, depth, '"present" or "full"');
}

/** What is given in the place of a source may be the key itself: it is not shown. */
function checkKeys(keys: PublishOptions["signingKey"]): void {
  const isSource = (key: unknown) =>
    key instanceof Secret ||
    typeof key === "object" && key !== null && ("file" in key || "env" in key || "command" in key);
  if (keys === undefined || [keys].flat().every(isSource)) return;
  throw new UsageError(
    "Cannot use the signingKey: it must be { file }, { env }, { command } or a secret",
  );
}
