import { fromFileUrl, join } from "@std/path";
import { gzipSync } from "node:zlib";
import { inTurn, run } from "../disk/run.ts";

/** One line of the table. */
export interface ImageRow {
  what: string;
  kedge: string;
  other: string;
  ratio: string;
  goal: string;
  /** The most memory of ours that was resident. */
  MiB: string;
}

const rounds = 5;
const program = fromFileUrl(new URL("../../../tasks/builtin/cli.ts", import.meta.url));
const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
const blobInfoCache = "/var/lib/containers/cache/blob-info-cache-v1.boltdb";

/** A folder, a cache and the programs of one part of the bench. */
export class ImageBench implements AsyncDisposable {
  /** What was measured. */
  readonly rows: ImageRow[] = [];
  #folder: string;
  #peakMib = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes one. */
  static async make(): Promise<ImageBench> {
    return new ImageBench(await Deno.makeTempDir({ prefix: "kedge-bench-image-" }));
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.#folder, name);
  }

  /** Takes away what lies there. */
  async remove(...names: string[]): Promise<void> {
    for (const name of names) {
      await Deno.remove(this.path(name), { recursive: true }).catch(() => undefined);
    }
  }

  /** Prepares a place as another machine would: the layouts that it reads and writes stay unknown to what is measured. */
  async seed(...args: string[]): Promise<void> {
    await run(Deno.execPath(), this.args(...args), this.env("cache-of-another-machine"));
  }

  /** Seconds of `image:sync`. */
  async kedge(...args: string[]): Promise<number> {
    const { seconds, peakMib } = await run(Deno.execPath(), this.args(...args), this.env());
    this.#peakMib = Math.max(this.#peakMib, peakMib);
    return seconds;
  }

  /** Seconds of skopeo. Its memory of blobs would offer mounts, and a transfer would be none. */
  async skopeo(verb: string, from: string, to: string, flags: string[]): Promise<number> {
    await Deno.remove(blobInfoCache).catch(() => undefined);
    const place = verb === "sync" ? from.replace("docker://", "") : from;
    return (await run("skopeo", [verb, ...flags, place, to])).seconds;
  }

  /** The arguments of `image:sync`. */
  args(...args: string[]): string[] {
    return ["run", "-A", "--config", config, program, "--quiet", "image:sync", ...args];
  }

  /** The environment of `image:sync`. */
  env(cache = "cache"): Record<string, string> {
    return { KEDGE_CACHE_DIR: this.path(cache), NO_COLOR: "1" };
  }

  /** Copies one image by both programs; `to` names a new place in each round. */
  async compare(
    what: string,
    from: string,
    to: (way: string) => string,
    goal: number,
  ): Promise<void> {
    await this.race(what, goal, {
      kedge: async () => {
        await this.remove("kedge", "cache");
        return await this.kedge(from, to("kedge"));
      },
      other: async () => {
        await this.remove("skopeo");
        return await this.skopeo("copy", from, to("skopeo"), [
          "-q",
          "--src-tls-verify=false",
          "--dest-tls-verify=false",
        ]);
      },
    });
  }

  /** Measures two ways in turn and adds their line. */
  async race(
    what: string,
    goal: number,
    ways: Record<"kedge" | "other", (round: number) => Promise<number>>,
  ): Promise<void> {
    const { kedge, other } = await inTurn(rounds, ways);
    const show = (seconds: number) => `${seconds.toFixed(3)} s`;
    this.row(what, show(kedge), show(other), kedge / other, goal);
  }

  /** Adds a line. */
  row(what: string, kedge: string, other: string, ratio: number, goal: number): void {
    const MiB = this.#peakMib.toFixed(0);
    this.rows.push({ what, kedge, other, ratio: ratio.toFixed(3), goal: String(goal), MiB });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Bytes as gzip that are not made smaller. */
export function zipped(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes, { level: 0 }));
}
