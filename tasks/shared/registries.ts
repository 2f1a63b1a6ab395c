import { ImageHosts, type ImageHostsOptions } from "../../lib/oci/copy/image_hosts.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { type ImageRegistriesOptions, registryRules } from "./registry_rules.ts";

/**
 * Opens the connections of a task.
 *
 * @throws {UsageError} if a mirror or the file is malformed
 */
export async function openImageHosts(
  options: ImageRegistriesOptions,
  context: TaskContext,
  more: ImageHostsOptions = {},
): Promise<ImageHosts> {
  const mirrors = await registryRules(options, context.signal);
  return new ImageHosts({
    signal: context.signal,
    redactor: context.redactor,
    insecureRegistries: options.insecureRegistries,
    mirrors,
    ...more,
  });
}
