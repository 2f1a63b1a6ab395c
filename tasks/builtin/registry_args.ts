import { arg } from "../../lib/runner/arg_builder.ts";
import type { ImageRegistriesOptions } from "../shared/registries.ts";

/** The flags by which a task is told how registries are spoken to. */
export const registryArgs = {
  insecureRegistry: arg.list(arg.string({ description: "A host", placeholder: "HOST" }), {
    description: "A host that is spoken to in plain HTTP",
  }),
  mirror: arg.list(arg.string({ description: "A mirror", placeholder: "PREFIX=MIRROR" }), {
    description: "Where to read before the registry itself is asked: docker.io=mirror.acme.dev",
  }),
  registriesConf: arg.string({
    placeholder: "FILE",
    description:
      "A registries.conf: mirrors, plain HTTP, what is blocked; CONTAINERS_REGISTRIES_CONF without it",
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
