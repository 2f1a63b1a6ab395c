import { ImageHosts, type ImageHostsOptions } from "../../lib/oci/copy/image_hosts.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { registryRules } from "./registry_rules.ts";

/** How to reach registries. */
export interface ImageRegistriesOptions {
  /** Hosts that are reached by plain HTTP. Loopback hosts need not be named: they may speak either. */
  insecureRegistries?: readonly string[] | undefined;
  /**
   * Mirrors, which are tried before the registry itself: `PREFIX=[http://]HOST[/PATH]`, such as `docker.io=mirror.acme.dev`. Several for one
   * prefix are tried in order.
   */
  mirrors?: readonly string[] | undefined;
  /**
   * A `registries.conf` (version 2) file, for its mirrors and its insecure and blocked registries. A blocked registry stays blocked whatever
   * `mirrors` says. Writes always go to the registry that was named. A relative path counts from the working folder, as does that in the
   * variable; that of `--registries-conf` counts from the folder in which it was typed. An empty text names none, whatever the variable says, as does
   * `--registries-conf=/dev/null`.
   *
   * @default {CONTAINERS_REGISTRIES_CONF}
   */
  registriesConf?: string | undefined;
}

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
