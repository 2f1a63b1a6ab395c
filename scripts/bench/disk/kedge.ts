import { fromFileUrl } from "@std/path";
import { run } from "./run.ts";

const program = fromFileUrl(new URL("../../../tasks/builtin/cli.ts", import.meta.url));
const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));

/** What a run of the program cost. */
export interface KedgeRun {
  /** Wall time in seconds, the start included. */
  readonly seconds: number;
  /** The most memory that was resident, in MiB. */
  readonly peakMib: number;
  /** Bytes that it moved. */
  readonly bytesMoved: number;
  /** Requests that it sent. */
  readonly requests: number;
}

/** Runs the program with a cache of its own. */
export async function kedge(cache: string, ...args: string[]): Promise<KedgeRun> {
  const command = ["run", "-A", "--config", config, program, ...args, "--json"];
  const { stdout, seconds, peakMib } = await run(Deno.execPath(), command, {
    KEDGE_CACHE_DIR: cache,
  });
  const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  return { seconds, peakMib, bytesMoved: value.bytesMoved, requests: value.requests };
}
