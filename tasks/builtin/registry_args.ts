import { arg } from "../../lib/runner/arg_builder.ts";
import type { ImageRegistriesOptions } from "../shared/registry_rules.ts";

const group = "Registries";

/** The flags by which a task is told how registries are spoken to. */
export const registryArgs = {
  insecureRegistry: arg.list(arg.string({ description: "A host", placeholder: "HOST" }), {
    description: "A registry host that is reached by plain HTTP, such as registry.lan:5000",
    group,
  }),
  mirror: arg.list(arg.string({ description: "A mirror", placeholder: "PREFIX=MIRROR" }), {
    description: "A mirror that is read before the registry, such as docker.io=mirror.acme.dev",
    group,
  }),
  registriesConf: arg.path({
    placeholder: "FILE",
    description:
      "A registries.conf with mirrors, plain HTTP and blocked registries; /dev/null for none",
    group,
    defaultText: "CONTAINERS_REGISTRIES_CONF",
  }),
};

/** What these flags say. */
export function registryOptions(args: {
  insecureRegistry?: readonly string[] | undefined;
  mirror?: readonly string[] | undefined;
  registriesConf?: string | undefined;
}): ImageRegistriesOptions {
  return {
    insecureRegistries: args.insecureRegistry,
    mirrors: args.mirror,
    registriesConf: args.registriesConf,
  };
}
