import { checkOptions, passable, refusedOption, unpassable } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import type { Redactor } from "../../lib/base/redactor.ts";
import type { Secret } from "../../lib/base/secret.ts";
import { isEngineVariable, type RunContainerOptions } from "../../lib/container/run_container.ts";
import { registriesShapes } from "../shared/registry_rules.ts";
import type { InContainerOptions } from "./in_container.ts";

/** What is asked of a container, checked. */
export interface AskedContainer
  extends Omit<RunContainerOptions, "image" | "onStdout" | "onStderr"> {
  env: Readonly<Record<string, string>>;
}

/**
 * Checks the options of {@linkcode inContainer}, as far as they are not the engine's: a task file may be run without its types being checked.
 * A variable with a text that holds a secret is passed as a secret is, by its name alone, unless the engine itself goes by that name.
 *
 * @throws {UsageError} if one is out of its range
 */
export function checkInContainer(
  options: InContainerOptions,
  redactor: Redactor,
): AskedContainer {
  checkOptions(options, { run: "texts" }, {
    mounts: "list",
    env: "object",
    workdir: "text",
    network: "switch",
    onStdout: "function",
    engine: "object",
    ...registriesShapes,
  });
  const { base, run, mounts, workdir, network, stdin } = options;
  if (run.length === 0 || run[0] === "") {
    throw new UsageError("Cannot run a command in a container: it is empty", {
      hint: 'run is a list: the program, and each of its arguments: ["nix", "--version"]',
    });
  }
  if (typeof base?.reference !== "string" || typeof base.configDigest !== "string") {
    throw refusedOption("base", base, "what baseImage() gives");
  }
  for (const mount of mounts ?? []) {
    const { volume, folder, to } = (mount ?? {}) as Record<string, unknown>;
    const [named, ...more] = [volume, folder].filter((each) => each !== undefined);
    if (typeof named !== "string" || more.length > 0 || typeof to !== "string") {
      throw refusedOption("one of mounts", mount, "a volume, or a folder, and where it goes to");
    }
  }
  if (workdir?.startsWith("/") === false) {
    throw refusedOption("workdir", workdir, "an absolute path");
  }
  if (stdin !== undefined && !(stdin instanceof Uint8Array || stdin instanceof ReadableStream)) {
    throw refusedOption("stdin", stdin, "bytes or a stream of them");
  }
  if (stdin instanceof ReadableStream && stdin.locked) {
    throw refusedOption("stdin", stdin, "a stream that nobody else reads");
  }
  return {
    run,
    ...environments(options.env, redactor),
    ...(mounts === undefined ? {} : { mounts }),
    ...(workdir === undefined ? {} : { workdir }),
    ...(network === undefined ? {} : { network }),
    ...(stdin === undefined ? {} : { stdin }),
  };
}

function environments(
  all: InContainerOptions["env"] = {},
  redactor: Redactor,
): { env: Record<string, string>; secretEnv: Record<string, string> } {
  const env: Record<string, string> = {};
  const secretEnv: Record<string, string> = {};
  for (const [name, value] of Object.entries(all)) {
    const secret = typeof (value as Secret | undefined)?.reveal === "function" && value as Secret;
    const text = secret === false ? value : secret.reveal();
    if (typeof text !== "string") throw refusedOption(`env.${name}`, text, "a text or a secret");
    // What else it holds may be a secret.
    const strange = unpassable(text);
    if (strange !== undefined) throw refusedOption(`env.${name}`, strange, `a text ${passable}`);
    // Whoever made a secret may have told another redactor of it.
    if (secret !== false) redactor.add(text);
    const isHidden = secret !== false ||
      redactor.redact(text) !== text && !isEngineVariable(name);
    (isHidden ? secretEnv : env)[name] = text;
  }
  return { env, secretEnv };
}
