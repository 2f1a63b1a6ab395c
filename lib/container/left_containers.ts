/**
 * Containers of runs that were killed: nobody reads what they print any more, and they may go on for hours.
 *
 * Invariants: a container's name tells whose it is; only one whose process is gone for certain is ended, none of another machine, which may
 * use the same engine, and none where this process may not ask.
 *
 * @module
 */
import { KedgeError } from "../base/errors.ts";
import { formatIdentity, ownIdentity, parseIdentity, stateOf } from "../base/process_identity.ts";
import type { ContainerEngine } from "./container_engine.ts";

/** A name for a container of this process. */
export function containerName(): string {
  return `kedge-${formatIdentity(ownIdentity())}-${crypto.randomUUID()}`;
}

/** Options of {@linkcode endLeftContainers}. */
export interface EndLeftContainersOptions {
  /** Told what was ended, or what could not be. */
  onNote: (message: string) => void;
  /** How long the engine may take to name them, in milliseconds. @default {30000} */
  listMs?: number;
  /** How long the engine may take to end one before it is removed as it is, in milliseconds. @default {30000} */
  stopMs?: number;
  /** Ends the work. */
  signal: AbortSignal;
}

/** Ends the containers that killed runs left, by SIGTERM first, as their own run would have; what cannot be ended stays. */
export async function endLeftContainers(
  engine: ContainerEngine,
  { onNote, listMs = 30_000, stopMs = 30_000, signal }: EndLeftContainersOptions,
): Promise<void> {
  const passOver = (error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof KedgeError)) throw error;
    onNote(withHint(error));
    return "";
  };
  const list = ["ps", "--all", "--filter=name=kedge-", "--format={{.Names}}"];
  const action = "look for containers that were left";
  const late = AbortSignal.timeout(listMs);
  const listed = await engine.must(list, action, { signal: AbortSignal.any([signal, late]) })
    .catch((error) => {
      const isLate = late.aborted && !signal.aborted && !(error instanceof KedgeError);
      throw isLate ? new KedgeError(`Cannot ${action}: ${engine.kind} does not answer`) : error;
    }).catch(passOver);
  for (const name of listed.split("\n").map((line) => line.trim()).filter(isLeft)) {
    await endLeft(engine, name, stopMs, signal).then(onNote).catch(passOver);
  }
}

/** An error and what to do, in one line. */
export function withHint({ message, hint }: KedgeError): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}

async function endLeft(
  engine: ContainerEngine,
  name: string,
  stopMs: number,
  signal: AbortSignal,
): Promise<string> {
  const late = AbortSignal.timeout(stopMs);
  // One that ran already ended, or never ran, is only removed, and so is one that the engine does not end.
  await engine.run(["stop", "-t", `${graceSeconds}`, name], {
    signal: AbortSignal.any([signal, late]),
  }).catch((error) => {
    if (!late.aborted || signal.aborted) throw error;
  });
  await removeContainer(engine, name, { signal });
  return `ended the container "${name}", which a run that was killed had left`;
}

/**
 * Removes a container, at once; that it is gone is fine.
 *
 * @throws {KedgeError} if the engine does not remove it, or does not answer in time
 */
export async function removeContainer(
  engine: ContainerEngine,
  name: string,
  { timeoutMs = 30_000, signal }: { timeoutMs?: number | undefined; signal?: AbortSignal } = {},
): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const all = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const hint = `remove it with ${engine.kind} rm --force ${name}`;
  const failed = (state: string) =>
    new KedgeError(`Cannot remove the container "${name}": ${state}`, { hint });
  const { code, stderr } = await engine.run(removal(engine, name), { signal: all })
    .catch((error) => {
      signal?.throwIfAborted();
      throw timeout.aborted ? failed(`${engine.kind} does not answer`) : error;
    });
  if (code === 0 || /no such container|no container with|already in progress/i.test(stderr)) return;
  throw failed(stderr.trim().slice(0, 300));
}

/** Has the engine remove a container while this process ends at once; nobody hears of it, and what stays is ended by the next run. */
export function removeUnheard(engine: ContainerEngine, name: string): void {
  const pipes = { stdin: "null", stdout: "null", stderr: "null" } as const;
  const args = [...engine.args, ...removal(engine, name)];
  const detached = Deno.build.os !== "windows";
  try {
    new Deno.Command(engine.program, { args, ...pipes, detached }).spawn().unref();
  } catch {
    // The process ends all the same.
  }
}

function removal({ kind }: ContainerEngine, name: string): string[] {
  return ["rm", "--force", ...(kind === "podman" ? ["--time=0"] : []), name];
}

const graceSeconds = 5;

function isLeft(name: string): boolean {
  const [, owner] = /^kedge-([0-9a-z.]+)-[0-9a-f-]{36}$/.exec(name) ?? [];
  const identity = owner === undefined ? undefined : parseIdentity(owner);
  // Without a boot, processes of several machines are alike.
  return identity !== undefined && identity.boot !== "nowhere" && stateOf(identity) === "dead";
}
