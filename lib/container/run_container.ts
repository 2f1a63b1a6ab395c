import { resolve } from "@std/path";
import { type KedgeError, UsageError } from "../base/errors.ts";
import { isNotThere } from "../base/files.ts";
import { isGranted } from "../base/is_granted.ts";
import { liveProcesses } from "../base/live_processes.ts";
import type { ContainerEngine } from "./container_engine.ts";
import { eventOf, exitCodeOf } from "./container_events.ts";
import { isVolumeName } from "./engine_volume.ts";
import { containerName, removeContainer, removeUnheard, withHint } from "./left_containers.ts";

/** A volume or folder of the host that is mounted in a container. */
export type ContainerMount =
  | { volume: string; folder?: undefined; to: string; readonly?: boolean | undefined }
  | { folder: string; volume?: undefined; to: string; readonly?: boolean | undefined };

/** What is run in a container. */
export interface RunContainerOptions {
  /** The image, as the engine knows it. */
  image: string;
  /** The program and its arguments. */
  run: readonly string[];
  /** What it sees of the host. */
  mounts?: readonly ContainerMount[];
  /** Its environment. */
  env?: Readonly<Record<string, string>>;
  /** Variables whose values appear in no argument: the engine takes them from its own environment. */
  secretEnv?: Readonly<Record<string, string>>;
  /** Its working folder. */
  workdir?: string;
  /** Whether it reaches any network. @default {true} */
  network?: boolean;
  /** Given on its standard input. */
  stdin?: Uint8Array | ReadableStream<Uint8Array>;
  /** Takes its standard output. */
  onStdout?: (bytes: Uint8Array) => void | Promise<void>;
  /** Takes its standard error. */
  onStderr?: (bytes: Uint8Array) => void;
  /** How long it may take to end after SIGTERM, in milliseconds. @default {5000} */
  graceMs?: number;
  /** How long the engine may take to tell whether it started a program that failed as the engine itself would, or how one ended, in milliseconds. @default {10000} */
  eventsMs?: number;
  /** How long the engine may take to remove what was not ended, in milliseconds. @default {30000} */
  removeMs?: number;
  /** Told where that could not be removed: what happened, and what to do. */
  onLeft?: (message: string) => void;
  /** Ends the container. */
  signal?: AbortSignal;
}

/** How a container ended. */
export interface ContainerResult {
  /** The exit code of what ran in it. */
  code: number;
  /** Its standard output, unless `onStdout` took it. */
  stdout: string;
  /** The last of its standard error. */
  stderr: string;
}

/** Variables of which the engine itself lives. */
const engineVariables =
  /^(PATH|HOME|USER|TMPDIR|(LD|XDG|DOCKER|_?CONTAINERS?|BUILDAH|PODMAN)_.*|STORAGE_(DRIVER|OPTS)|LISTEN_(PID|FDS|FDNAMES)|DBUS_(SESSION|SYSTEM)_BUS_ADDRESS|NOTIFY_SOCKET|REGISTRY_AUTH_FILE)$/;

/** Whether an engine itself goes by a variable, which it can then be given for a container by an argument alone. */
export function isEngineVariable(name: string): boolean {
  return engineVariables.test(name);
}

/**
 * Runs a program in a container of its own, which is gone afterwards. The exit code is that of the program; a signal reaches it, and
 * an abort leaves no container behind.
 *
 * @throws {UsageError} if a mount or a variable cannot be passed on
 * @throws {KedgeError} if the engine could not start it, or lost its exit code
 */
export async function runContainer(
  engine: ContainerEngine,
  options: RunContainerOptions,
): Promise<ContainerResult> {
  const name = containerName();
  const { secretEnv = {}, stdin, onStdout, onStderr, graceMs, eventsMs = 10_000, signal } = options;
  const startedMs = Date.now();
  let ended = false;
  using _live = liveProcesses.add(() => removeUnheard(engine, name));
  try {
    const result = await engine.run(argsOf(engine, name, options), {
      env: { ...secretEnv },
      passesSignals: true,
      ...(stdin === undefined ? {} : { stdin }),
      ...(onStdout === undefined ? {} : { onStdout }),
      ...(onStderr === undefined ? {} : { onStderr }),
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(signal === undefined ? {} : { signal }),
    });
    ended = true;
    const asked = { sinceMs: startedMs, timeoutMs: eventsMs, signal };
    const start = { ...asked, event: "start", format: "{{.Type}}" };
    // 125 is the engine's own failure, unless the program ended with it: then the engine said nothing, and the program may say the same.
    const isOwn = result.code === 125 &&
      /^(Error:|docker:|(Run|See) 'docker )/m.test(result.stderr) &&
      await eventOf(engine, name, start) === "";
    if (isOwn) {
      const missing = missingFolder(options.mounts);
      const hint = missing && `"${missing}" is not on this machine: make that folder first`;
      throw engine.failed(`start a container of "${options.image}"`, 125, result.stderr, hint);
    }
    return { ...result, code: await exitCodeOf(engine, name, result, asked) };
  } finally {
    if (!ended) await removeLeft(engine, name, options);
  }
}

/**
 * The arguments with which {@linkcode runContainer} would call the engine, but for the image; asks no engine.
 *
 * @throws {UsageError} if a mount or a variable cannot be passed on
 */
export function containerArguments(
  engine: ContainerEngine,
  options: Omit<RunContainerOptions, "image">,
): string[] {
  return [...engine.args, ...argsOf(engine, "checked", { ...options, image: "" })];
}

/** The first folder that is mounted and not there; an engine elsewhere may have it all the same. */
function missingFolder(mounts: readonly ContainerMount[] = []): string | undefined {
  const folders = mounts.flatMap((mount) =>
    mount.folder === undefined ? [] : resolve(mount.folder)
  );
  return folders.find(isMissing);
}

/** Whether a path is known not to be there; nobody is asked to let it be read for that. */
function isMissing(path: string): boolean {
  if (!isGranted({ name: "read", path })) return false;
  try {
    Deno.statSync(path);
    return false;
  } catch (error) {
    return isNotThere(error);
  }
}

/** Why it was not ended is what is thrown. */
async function removeLeft(
  engine: ContainerEngine,
  name: string,
  { removeMs, onLeft }: RunContainerOptions,
): Promise<void> {
  try {
    await removeContainer(engine, name, { timeoutMs: removeMs });
  } catch (error) {
    onLeft?.(withHint(error as KedgeError));
  }
}

function argsOf(engine: ContainerEngine, name: string, options: RunContainerOptions): string[] {
  const { image, run, mounts = [], env = {}, secretEnv = {}, workdir, network = true } = options;
  const [program, ...args] = run;
  if (program === undefined) {
    throw new UsageError("Cannot run a command in a container: it is empty");
  }
  checkProgram(program);
  const flags = ["--name", name, "--rm", ...engine.runArgs, ...mounts.map(mountFlag)];
  if (options.stdin !== undefined) flags.push("--interactive");
  if (workdir !== undefined) flags.push("--workdir", workdir);
  if (!network) flags.push("--network=none");
  for (const [key, value] of Object.entries(env)) {
    checkVariable(key);
    flags.push("--env", `${key}=${value}`);
  }
  for (const key of Object.keys(secretEnv)) {
    checkVariable(key);
    if (isEngineVariable(key)) {
      throw new UsageError(`Cannot pass a secret as "${key}": ${engine.kind} itself goes by it`, {
        hint: "give the variable another name",
      });
    }
    flags.push("--env", key);
  }
  return ["run", ...flags, "--entrypoint", program, image, ...args];
}

/** podman takes a list in JSON, or `null`, for a program with its first arguments, or for that of the image; docker takes it for a name. */
function checkProgram(name: string): void {
  let parsed: unknown;
  try {
    parsed = JSON.parse(name);
  } catch {
    return;
  }
  if (parsed !== null && !Array.isArray(parsed)) return;
  throw new UsageError(`Cannot run ${JSON.stringify(name)}: podman reads it as a list in JSON`, {
    hint: "name the program by its path; its arguments are further elements of run",
  });
}

function checkVariable(name: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return;
  throw new UsageError(`Cannot use the variable ${JSON.stringify(name)}: it is not a valid name`);
}

function mountFlag(mount: ContainerMount): string {
  const isVolume = mount.volume !== undefined;
  const named = isVolume ? mount.volume : mount.folder;
  if (isVolume && !isVolumeName(named)) {
    throw new UsageError(`Cannot mount the volume ${JSON.stringify(named)}: it is not a name`, {
      hint: "a name has letters, digits, '.', '_' and '-'; name a folder as folder, not as volume",
    });
  }
  // An engine elsewhere, or an older docker, takes no relative path.
  const source = isVolume ? named : resolve(named);
  for (const path of [named, source, mount.to]) {
    if (!/[,"\p{Cc}\p{Cs}]/u.test(path) && path !== "") continue;
    throw new UsageError(
      `Cannot mount ${
        JSON.stringify(path)
      }: it is empty or holds a comma, a quote, a control character or a lone surrogate`,
    );
  }
  if (!mount.to.startsWith("/")) {
    throw new UsageError(`Cannot mount at "${mount.to}": it is not an absolute path`);
  }
  const type = isVolume ? "volume" : "bind";
  return `--mount=type=${type},source=${source},destination=${mount.to}` +
    // Both engines know this word for both kinds; older podmans know "readonly" for folders alone.
    (mount.readonly ? ",ro" : "");
}
