import { UsageError } from "../lib/base/errors.ts";
import type { Redactor } from "../lib/base/redactor.ts";
import type { Secret } from "../lib/base/secret.ts";
import { isEngineVariable, type RunContainerOptions } from "../lib/container/run_container.ts";
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
  const { base, run, mounts, workdir, network, stdin } = options;
  if (!Array.isArray(run) || run.length === 0 || run[0] === "") {
    throw new UsageError("Cannot run nothing in a container", {
      hint: 'run is a list: the program, and each of its arguments: ["nix", "--version"]',
    });
  }
  run.forEach((text) => checkText("the argument", text));
  if (typeof base?.reference !== "string" || typeof base.configDigest !== "string") {
    throw refused("the base image", base, "it is not what baseImage() gives");
  }
  if (mounts !== undefined && !Array.isArray(mounts)) throw refused("mounts", mounts, "no list");
  for (const mount of mounts ?? []) {
    const { volume, folder, to } = (mount ?? {}) as Record<string, unknown>;
    const [named, ...more] = [volume, folder].filter((each) => each !== undefined);
    if (typeof named !== "string" || more.length > 0 || typeof to !== "string") {
      throw refused("the mount", mount, "it has no volume, or folder, and where it goes to");
    }
  }
  if (workdir !== undefined && !(typeof workdir === "string" && workdir.startsWith("/"))) {
    throw refused("the working folder", workdir, "it is no absolute path");
  }
  if (network !== undefined && typeof network !== "boolean") {
    throw refused("network", network, "it is neither true nor false");
  }
  if (stdin !== undefined && !(stdin instanceof Uint8Array || stdin instanceof ReadableStream)) {
    throw refused("stdin", stdin, "it is neither bytes nor a stream of them");
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
    checkText(`the variable ${JSON.stringify(name)}`, text);
    // Whoever made a secret may have told another redactor of it.
    if (secret !== false) redactor.add(text);
    const isHidden = secret !== false ||
      redactor.redact(text) !== text && !isEngineVariable(name);
    (isHidden ? secretEnv : env)[name] = text;
  }
  return { env, secretEnv };
}

function checkText(what: string, text: unknown): asserts text is string {
  if (typeof text !== "string") throw refused(what, text, "it is no text");
  // What else it holds may be a secret.
  if (text.includes("\0")) throw refused(what, "\0", "it holds a NUL");
}

function refused(what: string, value: unknown, state: string): UsageError {
  const shown = JSON.stringify(value)?.slice(0, 100) ?? String(value);
  return new UsageError(`Cannot use ${what} of a container: ${state} (${shown})`);
}
