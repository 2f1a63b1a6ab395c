/**
 * Brings paths by `nix copy`.
 *
 * Invariants: one process for all paths, with a cache folder of its own, so that nothing is answered from memory; a copy that says nothing
 * for a while is ended with all its children; its exit code alone proves nothing.
 *
 * @module
 */
import { KedgeError, UnreachableError } from "../base/errors.ts";
import type { ObjectMeter } from "../base/meter.ts";
import { lastError, type NixCommandOptions, runNix, withoutColours } from "./nix_command.ts";
import type { SourcePath } from "./source_path.ts";
import type { WorkFolder } from "./work_folder.ts";
import type { StorePusher, StorePushOptions } from "./store_pusher.ts";

/** What a {@linkcode NixPusher} is made of. */
export interface NixPusherOptions extends NixCommandOptions {
  /** The store's URI, as Nix takes it. */
  to: string;
  /** What it is, for people. */
  shown: string;
  /** Makes a folder for what Nix remembers while it copies. */
  makeMemory: () => Promise<WorkFolder>;
  /** How long `nix copy` may say nothing, in milliseconds. @default {300_000} */
  stallMs?: number | undefined;
}

/** The types of Nix's activities and results that matter here. */
const copyPath = 100;
const progressResult = 105;

/** Brings paths to any store that Nix knows. */
export class NixPusher implements StorePusher {
  #options: NixPusherOptions;

  /** Runs nothing yet. */
  constructor(options: NixPusherOptions) {
    this.#options = options;
  }

  async push(
    paths: readonly SourcePath[],
    { meter, record, signal }: StorePushOptions,
  ): Promise<void> {
    const { to, shown, stallMs = 300_000, makeMemory, ...nix } = this.#options;
    const stall = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const touch = () => {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(), stallMs);
    };
    const log = new NixLog((path) => {
      const size = paths.find(({ storePath }) => storePath.path === path)?.narSize ?? 0;
      record(path, "copying", { store: shown });
      return { size, meter: meter.object(`${path} -> ${shown}`, size) };
    });
    await using memory = await makeMemory();
    touch();
    try {
      const { code, stderr } = await runNix(
        ["copy", "--to", to, "--refresh", "--log-format", "internal-json", ...pathsOf(paths)],
        {
          ...nix,
          env: { ...nix.env, ...memoryVariables(memory) },
          signal: AbortSignal.any([signal, stall.signal]),
          onStderr: (bytes) => {
            touch();
            log.take(bytes);
          },
        },
      );
      if (code !== 0) {
        throw new KedgeError(
          `Cannot copy to "${shown}": nix copy ended with code ${code}${
            log.error ?? lastError(stderr)
          }`,
          { side: "destination" },
        );
      }
    } catch (cause) {
      if (signal.aborted || !stall.signal.aborted) throw cause;
      throw new UnreachableError(
        `Cannot copy to "${shown}": nix copy said nothing for ${stallMs} ms`,
        {
          cause,
          side: "destination",
        },
      );
    } finally {
      clearTimeout(timer);
      log.end();
    }
  }
}

/** The variables that lead Nix to a folder with all that it remembers. */
export function memoryVariables({ path }: WorkFolder): Record<string, string> {
  return { XDG_CACHE_HOME: path, NIX_CACHE_HOME: path };
}

function pathsOf(paths: readonly SourcePath[]): string[] {
  return paths.map(({ storePath }) => storePath.path);
}

interface Copying {
  size: number;
  meter: ObjectMeter;
  counted: number;
}

/** Reads Nix's own log, `@nix {json}` a line. */
class NixLog {
  error: string | undefined;
  #begin: (path: string) => { size: number; meter: ObjectMeter };
  #decoder = new TextDecoder();
  #pending = "";
  #copying = new Map<number, Copying>();

  constructor(begin: (path: string) => { size: number; meter: ObjectMeter }) {
    this.#begin = begin;
  }

  take(bytes: Uint8Array): void {
    const lines = (this.#pending + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#pending = lines.pop()!.slice(-1_000_000);
    for (const line of lines) {
      if (line.startsWith("@nix ")) this.#event(line.slice(5));
    }
  }

  end(): void {
    for (const { meter } of this.#copying.values()) meter[Symbol.dispose]();
    this.#copying.clear();
  }

  #event(text: string): void {
    let event: Record<string, unknown>;
    try {
      event = JSON.parse(text);
    } catch (error) {
      if (error instanceof SyntaxError) return;
      throw error;
    }
    const { action, id, type, fields, level, msg } = event;
    if (action === "msg" && level === 0 && typeof msg === "string") {
      const words = withoutColours(msg).replace(/\s+/g, " ").trim();
      this.error = ` (${words.slice(0, 300)})`;
    }
    if (typeof id !== "number") return;
    if (action === "start" && type === copyPath && Array.isArray(fields)) {
      this.#copying.set(id, { ...this.#begin(String(fields[0])), counted: 0 });
      return;
    }
    const copying = this.#copying.get(id);
    if (copying === undefined) return;
    const done = Array.isArray(fields) && typeof fields[0] === "number" ? fields[0] : 0;
    if (action === "result" && type === progressResult) {
      count(copying, Math.min(done, copying.size));
    }
    if (action === "stop") {
      count(copying, copying.size);
      copying.meter[Symbol.dispose]();
      this.#copying.delete(id);
    }
  }
}

function count(copying: Copying, upTo: number): void {
  if (upTo <= copying.counted) return;
  copying.meter.moved(upTo - copying.counted);
  copying.counted = upTo;
}
