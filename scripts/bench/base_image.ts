// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * The store of a base image, carried into a volume of podman: beside `nix copy --all` in a container of that image, followed by the copy of
 * its profiles, which is what Flox does on every run. Of the peer both are told: the time of the whole `podman run`, and that inside the
 * container. kedge's time is that of the whole program, gzipped layers fetched from a registry and unpacked.
 *
 * @module
 */
import { fromFileUrl, join } from "@std/path";
import { walk } from "@std/fs";
import { gzipSync } from "node:zlib";
import { runProcess } from "../../lib/base/process_group.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { ensureVolume } from "../../lib/container/engine_volume.ts";
import { baseImage } from "../../tasks/base_image.ts";
import { ensureEngineImage } from "../../tasks/container_base.ts";
import { resolveContext } from "../../lib/runner/context.ts";
import { debianNixLayer } from "../../tests/support/debian_nix.ts";
import { pushNixImage } from "../../tests/support/nix_image.ts";
import { type ImagePath, layersOf, makeStore, tarOf } from "../../tests/support/nix_store_image.ts";
import { PodmanWorld } from "../../tests/support/podman.ts";
import { startRegistry } from "../../tests/support/registry.ts";

const program = fromFileUrl(new URL("../../mod.ts", import.meta.url));
const deno = [Deno.execPath(), "run", "-A"];
const pairs = Number(Deno.env.get("KEDGE_BENCH_PAIRS") ?? "3");
const rows = (Deno.env.get("KEDGE_BENCH_ROWS") ?? "fill,copies").split(",");
const version = "2.8.0";
const next = "2.8.1";

/** Prints the table. */
export async function bench(): Promise<void> {
  if (rows.includes("fill")) await fills();
  if (rows.includes("copies")) await copies();
}

async function fills(): Promise<void> {
  await using world = await PodmanWorld.make();
  await using registry = await startRegistry();
  const { folder } = world;
  const context = { cache: new Cache(join(folder, "setup-cache")) };
  const repository = `${registry.host}/nixos/nix`;
  const debian = await debianNixLayer();
  for (const tag of [version, next]) {
    const made = await makeStore(join(folder, `root-${tag}`), await systemPaths(tag));
    // As official images are: a layer for each path, packed with gzip.
    const packed = (await layersOf(made)).map((layer) =>
      new Uint8Array(gzipSync(layer, { level: 1 }))
    );
    await pushNixImage(folder, registry.host, tag, [{ label: tag, layers: packed }]);
    if (tag !== version) continue;
    // The peer runs in the same store on top of Debian, in two layers: each more costs podman's vfs a copy of all.
    const layers = [debian, await tarOf(made.root, ["nix"])];
    await pushNixImage(folder, registry.host, `peer-${tag}`, [{ label: tag, layers }]);
  }
  const lix = "nix (Lix, like Nix) 2.91.1";
  const base = await baseImage(
    { nixVersion: lix, fallback: `peer-${version}`, repository },
    context,
  );
  const { id } = await ensureEngineImage(world.engine, base, undefined, resolveContext(context));
  const carry = (tag: string, volume: string, ...more: string[]) => [
    ...[...deno, program, "base-image:carry", `--nix-version=${tag}`, `--repository=${repository}`],
    ...[`--volume=${volume}`, "--quiet", `--cache-dir=${join(folder, "cache")}`],
    ...[...world.args.map((arg) => `--engine-arg=${arg}`), ...more],
  ];
  const result = async (command: readonly string[]) => {
    const seconds = await timed([...command, "--json"]);
    const { value } = JSON.parse(lastOutput.trim().split("\n").at(-1)!);
    return { seconds, value };
  };
  const peer = async (volume: string): Promise<[whole: number, inside: number]> => {
    const start = performance.now();
    const script = `begin=$(date +%s%N); nix copy --all --no-check-sigs --to /cache 2>/dev/null; ` +
      `cp -R /nix/var/nix/profiles /nix/var/nix/gcroots /cache/nix/var/nix/; echo $(($(date +%s%N) - begin))`;
    const { code, stdout, stderr } = await world.engine.run([
      ...["run", "--rm", ...world.runArgs, `--mount=type=volume,src=${volume},dst=/cache/nix`],
      "--env=NIX_CONFIG=experimental-features = nix-command\nbuild-users-group =\nsubstituters =",
      ...["--entrypoint", "sh", id, "-c", script],
    ]);
    if (code !== 0) throw new Error(stderr);
    const inside = Number(stdout.trim().split("\n").at(-1)) / 1e9;
    return [(performance.now() - start) / 1000, inside];
  };
  const fresh = async (volume: string) => {
    await ensureVolume(world.engine, volume);
    await Deno.remove(join(folder, "cache"), { recursive: true }).catch(() => undefined);
    // What the turn before left to be written must not cost this one.
    await runProcess("sync");
  };
  const times: Record<
    "fillOurs" | "fillTheirs" | "insideTheirs" | "nextOurs" | "againTheirs",
    number[]
  > = {
    fillOurs: [],
    fillTheirs: [],
    nextOurs: [],
    insideTheirs: [],
    againTheirs: [],
  };
  let first: Carried | undefined;
  let second: Carried | undefined;
  for (let pair = 0; pair < pairs; pair++) {
    const turns = [
      async () => {
        const ours = `ours-${pair}`;
        await fresh(ours);
        const fill = await result(carry(version, ours));
        const follow = await result(carry(next, ours));
        times.fillOurs.push(fill.seconds);
        times.nextOurs.push(follow.seconds);
        first = fill.value;
        second = follow.value;
      },
      async () => {
        const theirs = `theirs-${pair}`;
        await fresh(theirs);
        const [whole, inside] = await peer(theirs);
        times.fillTheirs.push(whole);
        times.insideTheirs.push(inside);
        times.againTheirs.push((await peer(theirs))[0]);
      },
    ];
    for (const turn of Math.random() < 0.5 ? turns : turns.reverse()) await turn();
  }
  console.log(
    `| store of ${first!.paths} paths, ${
      mb(first!.bytesMoved)
    } | kedge | nix copy --all, cp -R | ratio |`,
  );
  console.log("|---|---|---|---|");
  versus("first fill, beside the whole `podman run`", times.fillOurs, times.fillTheirs);
  versus("first fill, beside the time inside it", times.fillOurs, times.insideTheirs);
  console.log(`| another version of Nix | ${median(times.nextOurs).toFixed(2)} s | | |`);
  console.log(`| the same image again | | ${median(times.againTheirs).toFixed(2)} s | |`);
  console.log(
    `another version moved ${second!.pathsMoved} of ${second!.paths} paths, ${
      mb(second!.bytesMoved)
    } of ${mb(second!.bytesMoved + second!.bytesReused)}`,
  );
  await secondRun(carry(next, "ours-0"), folder, registry.url);
}

interface Carried {
  paths: number;
  pathsMoved: number;
  bytesMoved: number;
  bytesReused: number;
}

/** Resolve and carry again, the tag asked for with one HEAD, beside six empty runs of Deno and that HEAD. */
async function secondRun(command: readonly string[], folder: string, url: string): Promise<void> {
  const empty = join(folder, "empty.ts");
  await Deno.writeTextFile(empty, "");
  const head = `${url}/v2/nixos/nix/manifests/${next}`;
  const times: Record<string, number[]> = { kedge: [], known: [], empty: [], head: [] };
  for (let round = 0; round < 15; round++) {
    times["kedge"]!.push(await timed([...command, "--refresh"]));
    times["known"]!.push(await timed(command));
    times["empty"]!.push(await timed([...deno, empty]));
    const begin = performance.now();
    await (await fetch(head, {
      method: "HEAD",
      headers: { accept: "application/vnd.oci.image.index.v1+json" },
    })).body?.cancel();
    times["head"]!.push((performance.now() - begin) / 1000);
  }
  const [ours, known, none, asked] = ["kedge", "known", "empty", "head"]
    .map((name) => median(times[name]!)) as [number, number, number, number];
  console.log("| second run | ms | of an empty run | of 6 empty runs and a HEAD |");
  console.log("|---|---|---|---|");
  for (
    const [name, seconds] of [["resolve with a HEAD, and carry", ours], [
      "resolve and carry",
      known,
    ], ["empty `deno run`", none]] as const
  ) {
    console.log(
      `| ${name} | ${(seconds * 1000).toFixed(0)} | ${(seconds / none).toFixed(1)} | ${
        (seconds / (6 * none + asked)).toFixed(2)
      } |`,
    );
  }
}

/** What nothing missing costs, at two sizes of the same number of paths. */
async function copies(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-" });
  try {
    console.log("| nothing missing | 0.2 GB | 2 GB | ratio |");
    console.log("|---|---|---|---|");
    const sizes: Record<string, { export: number[]; import: number[] }> = {};
    const commands: Record<string, { export: string[]; import: string[] }> = {};
    for (const [name, bytes] of [["small", 2e6], ["large", 2e7]] as const) {
      const root = join(folder, name);
      const piece = join(folder, `piece-${name}`);
      await Deno.writeFile(piece, crypto.getRandomValues(new Uint8Array(50_000)));
      await Deno.truncate(piece, bytes);
      const paths = Array.from({ length: 100 }, (_, i) => ({ name: `p${i}`, copies: [piece] }));
      const { paths: made } = await makeStore(root, paths);
      const all = Object.values(made).map((baseName) => `/nix/store/${baseName}`);
      const cache = `file://${join(folder, `cache-${name}`)}`;
      const common = ["--quiet", `--cache-dir=${join(folder, `kedge-${name}`)}`, ...all];
      const from = `--folder=${join(root, "nix")}`;
      const to = `--folder=${join(folder, `into-${name}`)}`;
      commands[name] = {
        export: [...deno, program, "base-image:export", from, `--to=${cache}`, ...common],
        import: [...deno, program, "base-image:import", to, `--from=${cache}`, ...common],
      };
      sizes[name] = { export: [], import: [] };
      await timed(commands[name]!.export);
      await timed(commands[name]!.import);
    }
    for (let pair = 0; pair < pairs * 2; pair++) {
      for (const name of pair % 2 === 0 ? ["small", "large"] : ["large", "small"]) {
        sizes[name]!.export.push(await timed(commands[name]!.export));
        sizes[name]!.import.push(await timed(commands[name]!.import));
      }
    }
    for (const which of ["export", "import"] as const) {
      const [small, large] = [median(sizes["small"]![which]), median(sizes["large"]![which])];
      console.log(
        `| ${which} of 100 paths again | ${ms(small)} | ${ms(large)} | ${
          (large / small).toFixed(2)
        } |`,
      );
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Every so many files of this machine's system, 160 MB in 100 store paths; each tenth path is another version's alone. */
async function systemPaths(tag: string): Promise<ImagePath[]> {
  const files: { path: string; size: number }[] = [];
  for (const folder of ["/usr/lib", "/usr/share"]) {
    for await (const { path, isFile } of walk(folder, { includeDirs: false })) {
      if (isFile) files.push({ path, size: (await Deno.stat(path)).size });
    }
  }
  const kept = files.filter(({ size }) => size < 20e6).sort((a, b) => a.path < b.path ? -1 : 1);
  const stride = Math.ceil(kept.reduce((sum, { size }) => sum + size, 0) / 160e6);
  const chosen = kept.filter((_, i) => i % stride === 0).map(({ path }) => path);
  return Array.from({ length: 100 }, (_, i) => ({
    name: i % 10 === 0 ? `part-${i}-${tag}` : `part-${i}`,
    copies: chosen.slice(chosen.length * i / 100, chosen.length * (i + 1) / 100),
    ...(i % 10 < 2 ? {} : { needs: [`part-${i - 1}`] }),
  }));
}

let lastOutput = "";

async function timed(command: readonly string[]): Promise<number> {
  const begin = performance.now();
  const { code, stdout, stderr } = await runProcess(command[0]!, {
    args: command.slice(1),
    env: { NO_COLOR: "1" },
  });
  const seconds = (performance.now() - begin) / 1000;
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  lastOutput = stdout;
  return seconds;
}

function versus(name: string, ours: readonly number[], theirs: readonly number[]): void {
  const [a, b] = [median(ours), median(theirs)];
  console.log(`| ${name} | ${a.toFixed(2)} s | ${b.toFixed(2)} s | ${(a / b).toFixed(2)} |`);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}
