import { defined } from "../../lib/base/defined.ts";
import { localNixVersion } from "../../lib/nix/program/local_nix_version.ts";
import { formatReference } from "../../lib/oci/reference.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import { resolveContext, type TaskContextOptions } from "../../lib/runner/context.ts";
import type { BaseImageResult } from "./base_image.ts";
import { BaseResolution } from "./base_resolution.ts";
import { copyBaseImage } from "./copy.ts";
import { type BaseImageOptions, checkBaseImage } from "./options.ts";

/** Does the work of `baseImage`. */
export async function runBaseImage(
  options: BaseImageOptions = {},
  ctx: TaskContextOptions = {},
): Promise<BaseImageResult> {
  const context = resolveContext(ctx);
  const checked = checkBaseImage(options);
  const version = checked.version ?? await localNixVersion({ signal: context.signal });
  const resolution = new BaseResolution({ asked: options, checked, version, context });
  const resolved = await runOperation(resolution, context);
  await resolution.keepConfirmation();
  const { to } = options;
  if (to === undefined) return resolved;
  const from = formatReference({ ...checked.repository, digest: resolved.digest });
  const copied = await copyBaseImage({ from, to, base: resolved }, options, context);
  const { copy, copyAhead } = copied;
  return {
    ...resolved,
    ...defined({ copy, copyAhead }),
    changed: resolved.changed || copied.changed,
    bytesMoved: resolved.bytesMoved + copied.bytesMoved,
    bytesReused: resolved.bytesReused + copied.bytesReused,
    requests: resolved.requests + copied.requests,
    why: `${resolved.why}; ${copied.why}`,
  };
}
