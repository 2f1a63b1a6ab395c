/**
 * Checks what tasks need, all of it, before the first one starts.
 *
 * @module
 */
import { resolve } from "@std/path";
import { formatBytes, parseBytes } from "../base/bytes.ts";
import { freeBytes } from "../base/disk_space.ts";
import { UsageError } from "../base/errors.ts";
import { fileInPath } from "../base/file_in_path.ts";
import { runProcess } from "../base/process_group.ts";
import type { Need } from "./need.ts";
import { versionIn, versionMeets } from "./tool_version.ts";

/** Where needs are looked for. */
export interface NeedsOptions {
  /** Reads an environment variable. */
  env(name: string): string | undefined;
  /** The folder from which relative paths are read. */
  readonly cwd: string;
  /** The cache folder. */
  readonly cacheDir: string;
  /** Whether no host may be asked. */
  readonly offline: boolean;
  /** Ends the check. */
  readonly signal: AbortSignal;
}

/** What a task needs. */
export interface TaskNeeds {
  /** The task. */
  readonly task: string;
  /** What it needs. */
  readonly needs: readonly Need[];
}

/**
 * Checks all needs at the same time.
 *
 * @throws {UsageError} that names everything that is missing
 */
export async function checkNeeds(all: readonly TaskNeeds[], options: NeedsOptions): Promise<void> {
  const checks = new Map<string, Promise<string | undefined>>();
  const found = await Promise.all(all.flatMap(({ task, needs }) =>
    needs.map(async (need) => {
      const key = JSON.stringify(need);
      if (!checks.has(key)) checks.set(key, unmet(need, options));
      return { task, need, state: await checks.get(key) };
    })
  ));
  const missing = found.filter((each) => each.state !== undefined);
  if (missing.length === 0) return;
  const hints = missing.flatMap(({ need }) => need.hint ?? []);
  throw new UsageError(
    unmetWords(missing),
    hints.length === 0 ? {} : { hint: [...new Set(hints)].join("; ") },
  );
}

/** What is missing: each on a line of its own, where it is more than one thing. */
function unmetWords(missing: readonly { task: string; state: string | undefined }[]): string {
  const { task, state } = missing[0]!;
  if (missing.length === 1) return `Cannot run "${task}": ${state}`;
  const isOne = missing.every((each) => each.task === task);
  const [who, whose] = isOne ? [`"${task}"`, "its"] : ["the tasks", "their"];
  return [
    `Cannot run ${who}: ${missing.length} of ${whose} needs are not met`,
    ...missing.map((each) => isOne ? each.state : `"${each.task}": ${each.state}`),
  ].join("\n  ");
}

async function unmet(need: Need, options: NeedsOptions): Promise<string | undefined> {
  options.signal.throwIfAborted();
  if ("tool" in need) return await unmetTool(need, options);
  if ("env" in need) {
    const value = options.env(need.env);
    if (value) return undefined;
    return `the variable ${need.env} is ${value === "" ? "empty" : "not set"}`;
  }
  if ("file" in need) {
    return exists(resolve(options.cwd, need.file)) ? undefined : `"${need.file}" is not there`;
  }
  if ("host" in need) return options.offline ? undefined : await unmetHost(need, options.signal);
  return unmetSpace(need, options);
}

async function unmetTool(
  need: Extract<Need, { tool: string }>,
  options: NeedsOptions,
): Promise<string | undefined> {
  const { tool } = need;
  const name = tool.includes("/") ? resolve(options.cwd, tool) : tool;
  const found = await fileInPath(name, options.env("PATH") ?? "");
  if (found === undefined) return `the program "${tool}" is not installed`;
  if (!found.isExecutable) return `"${found.path}" is not executable`;
  if (need.version === undefined) return undefined;
  const { stdout, stderr } = await runProcess(found.path, {
    args: need.versionArgs ?? ["--version"],
    signal: options.signal,
  });
  const version = versionIn(`${stdout}\n${stderr}`);
  if (version === undefined) return `the program "${need.tool}" does not tell its version`;
  return versionMeets(version, need.version)
    ? undefined
    : `"${need.tool}" is ${version}, and ${need.version} is needed`;
}

async function unmetHost(
  need: Extract<Need, { host: string }>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const match = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(need.host);
  const [hostname, port] = [match?.[1] ?? need.host, Number(match?.[2] ?? 443)];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(need.timeoutMs ?? 5000)]);
  try {
    (await Deno.connect({ hostname, port, signal: limit })).close();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = limit.aborted ? "it does not answer" : (error as Error).message;
    return `the host "${need.host}" cannot be reached: ${why}`;
  }
}

function unmetSpace(
  need: Extract<Need, { freeBytes: number | string }>,
  options: NeedsOptions,
): string | undefined {
  const at = need.at === undefined ? options.cacheDir : resolve(options.cwd, need.at);
  const free = freeBytes(at);
  const wanted = typeof need.freeBytes === "string" ? parseBytes(need.freeBytes) : need.freeBytes;
  return free === undefined || free >= wanted
    ? undefined
    : `only ${formatBytes(free)} are free at "${at}", and ${formatBytes(wanted)} are needed`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
