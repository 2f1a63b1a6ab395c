import { ImageHosts, type ImageHostsOptions } from "../../lib/oci/copy/image_hosts.ts";
import type { TaskContext } from "../../lib/runner/context.ts";
import { registryRules } from "./registry_rules.ts";

/** How registries are spoken to. */
export interface ImageRegistriesOptions {
  /** Hosts that are spoken to in plain HTTP; loopback hosts are, unless TLS is what they speak. */
  insecureRegistries?: readonly string[] | undefined;
  /**
   * Where images are read before their own registry is asked: `PREFIX=[http://]HOST[/PATH]`, as `docker.io=mirror.acme.dev`; several of one
   * prefix are tried in their order.
   */
  mirrors?: readonly string[] | undefined;
  /**
   * A `registries.conf` (version 2) with mirrors, and with insecure and blocked registries, which they are whatever `mirrors` says; what is
   * written goes to the registry that was named. A relative path counts from the working folder, as that of the variable does; behind
   * `--registries-conf` from the folder in which it was typed.
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
