// deno-lint-ignore-file no-console -- a bench speaks to a terminal
/**
 * Images side by side with skopeo, over docker-registry on loopback: 285 MB in 9 blobs, lists of small images, what changed over a slow
 * link, latency, a pull that was killed.
 *
 * Medians of five rounds, the ways in turn. Layers are valid gzip, since skopeo would compress what is not.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { gzipSync } from "node:zlib";
import { findProgram } from "../../tests/support/real.ts";
import { randomBytes, writeImage } from "../../tests/support/layout.ts";
import { startRegistry } from "../../tests/support/registry.ts";
import { LatencyProxy } from "../../tests/support/latency_proxy.ts";
import { SlowProxy } from "../../tests/support/slow_proxy.ts";
import { inTurn, run } from "./disk/run.ts";

const rounds = 5;
const mebibyte = 1024 * 1024;
const sizes = [60, 50, 45, 40, 35, 25, 20, 9, 1];
const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));
const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
const blobInfoCache = "/var/lib/containers/cache/blob-info-cache-v1.boltdb";

interface Row {
  what: string;
  kedge: string;
  skopeo: string;
  ratio: string;
  goal: string;
}

/** Runs the image bench and prints its table. */
export async function bench(): Promise<void> {
  const missing = ["skopeo", "docker-registry"].filter((name) => findProgram(name) === undefined);
  if (missing.length > 0) {
    console.log(`not measured: needs ${missing.join(" and ")}`);
    return;
  }
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-image-" });
  const rows: Row[] = [];
  try {
    const image = new ImageBench(folder, rows);
    await image.large();
    await image.small();
    await image.slow();
    await image.killed();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.table(rows);
}

function zipped(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(gzipSync(bytes, { level: 0 }));
}

class ImageBench {
  #folder: string;
  #rows: Row[];
  #peakMib = 0;
  #count = 0;

  constructor(folder: string, rows: Row[]) {
    this.#folder = folder;
    this.#rows = rows;
  }

  /** 285 MB in 9 blobs: pull, push, between registries, mounted, unchanged. */
  async large(): Promise<void> {
    await using one = await startRegistry();
    await using other = await startRegistry();
    const layers = sizes.map((size, seed) => zipped(randomBytes(size * mebibyte, seed + 1)));
    const from = this.#path("large");
    await writeImage(from, "v1", { layers });
    const start = `docker://${one.host}/start:v1`;
    await this.#seed(`oci:${from}:v1`, start);
    await this.#compare("pull to a layout", start, (way) => `oci:${this.#path(way)}:v1`, 0.7);
    await this.#compare(
      "push",
      `oci:${from}:v1`,
      (way) => `docker://${other.host}/push-${way}-${this.#count++}:v1`,
      0.7,
    );
    await this.#compare(
      "to another registry",
      start,
      (way) => `docker://${other.host}/over-${way}-${this.#count++}:v1`,
      0.6,
    );
    await this.#compare(
      "to another repository",
      start,
      (way) => `docker://${one.host}/beside-${way}-${this.#count++}:v1`,
      0.6,
    );
    const to = `oci:${this.#path("standing")}:v1`;
    await this.#seed(start, to);
    const empty = this.#path("empty.ts");
    await Deno.writeTextFile(empty, "");
    const times = await inTurn(rounds, {
      kedge: () => this.#kedge(start, to),
      empty: async () => (await run(Deno.execPath(), ["run", "-A", empty])).seconds,
    });
    this.#row("unchanged, against an empty deno run", times.kedge, times.empty, 5);
    this.#rows.push({
      what: "most memory, MiB",
      kedge: this.#peakMib.toFixed(0),
      skopeo: "",
      ratio: "",
      goal: "200",
    });
  }

  /** 100 small images by list. */
  async small(): Promise<void> {
    await using registry = await startRegistry();
    const from = this.#path("small");
    const shared = zipped(randomBytes(100_000, 999));
    for (let tag = 0; tag < 100; tag++) {
      await writeImage(from, `t${tag}`, {
        layers: [shared, zipped(randomBytes(5000, tag + 2000))],
      });
    }
    const there = `docker://${registry.host}/small`;
    await this.#seed(`oci:${from}`, there, "--tags", ".*");
    const times = await inTurn(rounds, {
      kedge: async () => {
        await this.#remove("many");
        return await this.#kedge(there, `oci:${this.#path("many")}`, "--tags", ".*");
      },
      skopeo: (round) =>
        this.#skopeo("sync", there, this.#path(`sync-${round}`), [
          "--src=docker",
          "--dest=dir",
          "--src-tls-verify=false",
        ]),
    });
    this.#row("100 small images by list", times.kedge, times.skopeo, 0.3);
  }

  /** One layer of ten changed over a slow link; latency. */
  async slow(): Promise<void> {
    await using registry = await startRegistry();
    const layers = Array.from(
      { length: 10 },
      (_, seed) => zipped(randomBytes((seed === 9 ? 0.2 : 11) * mebibyte, seed + 3000)),
    );
    const from = this.#path("ten");
    await writeImage(from, "v1", { layers });
    await writeImage(from, "v2", {
      layers: [...layers.slice(0, 9), zipped(randomBytes(0.2 * mebibyte, 4000))],
    });
    for (const tag of ["v1", "v2"]) {
      await this.#seed(`oci:${from}:${tag}`, `docker://${registry.host}/ten:${tag}`);
    }
    {
      await using link = new SlowProxy({
        target: registry.url,
        bytesPerSecond: 50 * mebibyte,
      });
      const times = await inTurn(rounds, {
        full: async () => {
          await this.#remove("link");
          return await this.#kedge(`docker://${link.host}/ten:v1`, `oci:${this.#path("link")}:x`);
        },
        changed: async () => {
          await this.#remove("link2");
          await this.#seed(`oci:${from}:v1`, `oci:${this.#path("link2")}:x`);
          await this.#remove("link");
          return await this.#kedge(`docker://${link.host}/ten:v2`, `oci:${this.#path("link2")}:x`);
        },
      });
      this.#row("one small layer changed, against the full pull", times.changed, times.full, 0.1);
    }
    await using far = new LatencyProxy(registry.host, 50);
    await this.#compare(
      "pull with 50 ms a request",
      `docker://${far.host}/ten:v1`,
      (way) => `oci:${this.#path(way)}:v1`,
      0.5,
    );
    await this.#compare(
      "push with 50 ms a request",
      `oci:${from}:v1`,
      (way) => `docker://${far.host}/far-${way}-${this.#count++}:v1`,
      0.5,
    );
  }

  /** A pull of 1 GB that is killed at its half. */
  async killed(): Promise<void> {
    await using registry = await startRegistry();
    const from = this.#path("gb");
    const layers = Array.from({ length: 4 }, (_, seed) => randomBytes(250_000_000, seed + 5000));
    await writeImage(from, "v1", { layers });
    const there = `docker://${registry.host}/gb:v1`;
    await this.#seed(`oci:${from}:v1`, there);
    await using link = new SlowProxy({ target: registry.url, bytesPerSecond: 300 * mebibyte });
    const child = new Deno.Command(Deno.execPath(), {
      args: this.#args(`docker://${link.host}/gb:v1`, `oci:${this.#path("half")}:v1`),
      env: this.#env(),
      stdout: "null",
      stderr: "null",
    }).spawn();
    while (link.passedBytes < 500_000_000) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill("SIGKILL");
    await child.status;
    const before = link.passedBytes;
    await this.#kedge(`docker://${link.host}/gb:v1`, `oci:${this.#path("half")}:v1`);
    const share = (link.passedBytes - before) / 1_000_000_000;
    this.#rows.push({
      what: "bytes after kill -9 at half of 1 GB",
      kedge: `${(share * 100).toFixed(1)} %`,
      skopeo: "100 %",
      ratio: share.toFixed(2),
      goal: "0.55",
    });
  }

  async #compare(
    what: string,
    from: string,
    to: (way: string) => string,
    goal: number,
  ): Promise<void> {
    const times = await inTurn(rounds, {
      kedge: async () => {
        await this.#remove("kedge");
        return await this.#kedge(from, to("kedge"));
      },
      skopeo: async () => {
        await this.#remove("skopeo");
        return await this.#skopeo("copy", from, to("skopeo"), [
          "-q",
          "--src-tls-verify=false",
          "--dest-tls-verify=false",
        ]);
      },
    });
    this.#row(what, times.kedge, times.skopeo, goal);
  }

  #env(cache = "cache"): Record<string, string> {
    return { KEDGE_CACHE_DIR: this.#path(cache), NO_COLOR: "1" };
  }

  #args(...args: string[]): string[] {
    return ["run", "-A", "--config", config, program, "--quiet", "image:sync", ...args];
  }

  /** Prepares a place as another machine would: the layouts that it reads and writes stay unknown to what is measured. */
  async #seed(...args: string[]): Promise<void> {
    await run(Deno.execPath(), this.#args(...args), this.#env("cache-of-another-machine"));
  }

  async #kedge(...args: string[]): Promise<number> {
    const { seconds, peakMib } = await run(Deno.execPath(), this.#args(...args), this.#env());
    this.#peakMib = Math.max(this.#peakMib, peakMib);
    return seconds;
  }

  /** Its memory of blobs would offer mounts, and a transfer would be none. */
  async #skopeo(verb: string, from: string, to: string, flags: string[]): Promise<number> {
    await Deno.remove(blobInfoCache).catch(() => undefined);
    const place = verb === "sync" ? from.replace("docker://", "") : from;
    return (await run("skopeo", [verb, ...flags, place, to])).seconds;
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  async #remove(name: string): Promise<void> {
    await Deno.remove(this.#path(name), { recursive: true }).catch(() => undefined);
  }

  #row(what: string, kedge: number, skopeo: number, goal: number): void {
    this.#rows.push({
      what,
      kedge: `${kedge.toFixed(3)} s`,
      skopeo: `${skopeo.toFixed(3)} s`,
      ratio: (kedge / skopeo).toFixed(2),
      goal: String(goal),
    });
  }
}
