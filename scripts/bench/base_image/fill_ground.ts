/**
 * What the fills are measured on: a registry with images of two versions, packed as official ones are, and a podman that has them unpacked.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import { join } from "@std/path";
import { debianNixLayer } from "../../../tests/support/debian_nix.ts";
import { type FreshDisk, mountFreshDisk } from "../../../tests/support/fresh_disk.ts";
import { pushNixImage } from "../../../tests/support/nix_image.ts";
import { layersOf, makeStore, tarOf } from "../../../tests/support/nix_store_image.ts";
import { PodmanWorld } from "../../../tests/support/podman.ts";
import { type RunningRegistry, startRegistry } from "../../../tests/support/registry.ts";
import { deno, program, systemPaths, timed } from "./support.ts";

/** The two versions; the peer runs in images of its own. */
export const version = "2.8.0";
/** The one after it. */
export const next = "2.8.1";
/** The image that the peer runs in. */
export const peerOf = (tag: string): string => `peer-${tag}`;

/** The ground, until it is disposed of. */
export class FillGround implements AsyncDisposable {
  /** The version that a second run carries. */
  readonly version = version;
  #disks = 0;

  private constructor(
    readonly folder: string,
    readonly registry: RunningRegistry,
    readonly world: PodmanWorld,
    readonly driver: string,
    readonly podmanDisk: FreshDisk,
  ) {}

  /** Makes the images and pushes them. */
  static async make(): Promise<FillGround> {
    const folder = await Deno.makeTempDir({ prefix: "kedge-bench-" });
    const registry = await startRegistry();
    const overlay = /\boverlay\b/.test(await Deno.readTextFile("/proc/filesystems"));
    const driver = overlay ? "overlay" : "vfs";
    const disk = await mountFreshDisk(join(folder, "podman"), 8e9);
    const world = await PodmanWorld.make({ folder: disk.dir, driver });
    const debian = await debianNixLayer();
    for (const tag of [version, next]) {
      const made = await makeStore(join(folder, `root-${tag}`), await systemPaths(tag));
      // As official images are: a layer for each path, packed with gzip.
      const packed = (await layersOf(made)).map((layer) =>
        new Uint8Array(gzipSync(layer, { level: 1 }))
      );
      await pushNixImage(folder, registry.host, tag, [{ label: tag, layers: packed }]);
      // The peer runs in the same store on top of a system.
      const layers = [debian, await tarOf(made.root, ["nix"])];
      await pushNixImage(folder, registry.host, peerOf(tag), [{ label: tag, layers }]);
    }
    return new FillGround(folder, registry, world, driver, disk);
  }

  /** The repository of the images. */
  get repository(): string {
    return `${this.registry.host}/nixos/nix`;
  }

  /** A disk on which nothing was deleted yet. */
  async disk(): Promise<FreshDisk> {
    return await mountFreshDisk(join(this.folder, `disk-${this.#disks++}`), 3e9);
  }

  /** kedge's command. */
  carry(tag: string, disk: string, ...more: readonly string[]): string[] {
    return [
      ...[...deno, program, "base-image:carry", `--nix-version=${tag}`, "--quiet"],
      ...[`--repository=${this.repository}`, `--folder=${disk}/nix`, `--cache-dir=${disk}/cache`],
      ...more,
    ];
  }

  /** Arguments of kedge's command where podman has the image. */
  get inPodman(): string[] {
    return ["--copy=podman:nix", ...this.world.args.map((each) => `--engine-arg=${each}`)];
  }

  /** kedge's command for a store that is carried already. */
  async carried(): Promise<string[]> {
    const command = this.carry(version, join(this.folder, "carried"));
    await timed(command);
    return command;
  }

  /** Fetches an image into podman. */
  async pull(tag: string): Promise<number> {
    const image = `${this.repository}:${tag}`;
    const pull = ["pull", "--quiet", "--tls-verify=false", image];
    return (await timed(["podman", ...this.world.args, ...pull])).seconds;
  }

  /** The peer: the whole run, and within it the copy alone and the copy with a sync. Nothing is removed, since that would slow down what follows. */
  async copyAll(
    nix: string,
    tag: string = version,
  ): Promise<{ whole: number; copied: number; synced: number }> {
    const script =
      "now() { date +%s%N; }; a=$(now); nix copy --all --no-check-sigs --to /cache && " +
      "cp -R /nix/var/nix/profiles /nix/var/nix/gcroots /cache/nix/var/nix/ && b=$(now) && " +
      "sync --file-system /cache/nix && echo $((b - a)) $(($(now) - a))";
    const { seconds, stdout } = await timed([
      ...["podman", ...this.world.args, "run", ...this.world.runArgs],
      `--mount=type=bind,src=${nix},dst=/cache/nix`,
      "--env=NIX_CONFIG=experimental-features = nix-command\nbuild-users-group =\nsubstituters =",
      ...["--entrypoint", "sh", `${this.repository}:${peerOf(tag)}`, "-c", script],
    ]);
    const [copied, synced] = stdout.trim().split("\n").at(-1)!.split(" ").map((each) =>
      Number(each) / 1e9
    );
    return { whole: seconds, copied: copied!, synced: synced! };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world.engine.run(["rm", "--all", "--force", "--time=0"]);
    await this.podmanDisk[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
