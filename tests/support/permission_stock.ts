/**
 * What the working folders begin with, in which the built-in tasks are used: images, disks, packages, a cache and a journal.
 *
 * @module
 */
import { ensureDir } from "@std/fs";
import { join } from "@std/path";
import type { Cache } from "../../lib/cache/cache.ts";
import { baseImage } from "../../tasks/base_image/base_image.ts";
import { pushDisk } from "../../tasks/disk/disk.ts";
import { syncImage } from "../../tasks/image/image.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { publish } from "../../tasks/publish/publish.ts";
import { exportStore } from "../../tasks/store/copy_store.ts";
import { carryStore } from "../../tasks/store/store.ts";
import { nixPaths } from "./carry_room.ts";
import { randomBytes, writeImage } from "./layout.ts";
import { pushNixImage } from "./nix_image.ts";
import { layersOf, makeStore } from "./nix_store_image.ts";
import type { PermissionServers } from "./permission_servers.ts";
import { runKedge } from "./program.ts";
import { s3Keys } from "./s3.ts";

/** What a registry is sent as a stream, in bytes: a small blob is sent whole, and then no proxy is looked for. */
export const large = 1_500_000;

/** Where what is made goes. */
export interface StockPlace {
  /** Beside the working folders. */
  readonly dir: string;
  /** What each working folder begins with. */
  readonly stock: string;
  /** The servers. */
  readonly servers: PermissionServers;
  /** Their cache. */
  readonly ctx: { readonly cache: Cache };
}

/** What was made, as far as somebody must name it. */
export interface Stock {
  /** A folder with the store of a base image. */
  readonly nixFolder: { readonly folder: string };
  /** A store path in it. */
  readonly libc: string;
  /** The paths that Nix built. */
  readonly built: Readonly<Record<string, string>>;
  /** The catalog of a large package. */
  readonly big: string;
  /** The number of a run in the journal. */
  readonly run: string;
}

/** The name and the system of the package. */
export const published = { name: "acme", system: "x86_64-linux" };

/** The keys of the bucket, as variables. */
export const bucketKeys = {
  AWS_ACCESS_KEY_ID: s3Keys.accessKeyId,
  AWS_SECRET_ACCESS_KEY: s3Keys.secretAccessKey,
};

/** The store in the bucket. */
export function bucketOf({ s3 }: PermissionServers): string {
  return `s3://kedge/acme?endpoint=${s3.endpoint}`;
}

/** Makes all of it, and ends with a registry that asks for a password. */
export async function makeStock(place: StockPlace): Promise<Stock> {
  const { servers, ctx: { cache } } = place;
  await cacheKexec({ url: servers.origin.url("/b.tar.gz") }, place.ctx);
  await makeImages(place);
  const { nixFolder, libc } = await makeBase(place);
  await makeDisks(place);
  await publishPackage(place);
  const built = await servers.nix.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
  const big = await publishLarge(place);
  servers.access.user = { name: "ada", password: "swordfish" };
  await runKedge(["cache:prune"], { cacheDir: cache.dir });
  const run = (await runKedge(["runs"], { cacheDir: cache.dir })).stdout.split(" ")[0]!;
  return { nixFolder, libc, built, big, run };
}

async function makeImages({ stock }: StockPlace): Promise<void> {
  await writeImage(join(stock, "images"), "a", { layers: [randomBytes(2_000_000)] });
  await writeImage(join(stock, "images"), "new", { layers: [randomBytes(large, 3)] });
  await writeImage(join(stock, "images"), "b", { layers: [randomBytes(5000, 2)] });
}

async function makeBase(
  { dir, stock, servers: { registry, binaries }, ctx }: StockPlace,
): Promise<Pick<Stock, "nixFolder" | "libc">> {
  const noise = randomBytes(3_000_000, 9).toHex();
  const paths = [...nixPaths("2.8.0"), { name: "large", files: { noise } }];
  const carried = await makeStore(join(dir, "root"), paths);
  await pushNixImage(dir, registry.host, "2.8.0", [{
    label: "2.8.0",
    layers: await layersOf(carried),
  }]);
  const repository = `${registry.host}/nixos/nix`;
  const base = await baseImage({ nixVersion: "2.8.0", repository }, ctx);
  const nixFolder = { folder: join(dir, "carried") };
  await carryStore({ base, to: nixFolder }, ctx);
  for (const to of [binaries.url, `file://${join(stock, "exported")}`]) {
    await exportStore({ from: nixFolder, to }, ctx);
  }
  return { nixFolder, libc: `/nix/store/${carried.paths["libc"]}` };
}

async function makeDisks({ stock, servers: { registry }, ctx }: StockPlace): Promise<void> {
  await Deno.writeFile(join(stock, "large.img"), randomBytes(large, 4));
  for (const [seed, tag] of [[1, "a"], [2, "b"]] as const) {
    const file = join(stock, `${tag}.img`);
    await Deno.writeFile(file, randomBytes(300_000, seed));
    await Deno.writeFile(join(stock, `${tag}-cut.img`), randomBytes(1000, seed));
    await pushDisk({ file, reference: `oci:${join(stock, "disks")}:${tag}` }, ctx);
    await pushDisk({ file, reference: `docker://${registry.host}/acme/disk:${tag}` }, ctx);
    await syncImage({
      from: `oci:${join(stock, "images")}:${tag}`,
      to: `docker://${registry.host}/acme/vm:${tag}`,
    }, ctx);
  }
}

/** Three versions of a package in a folder, a binary cache and a bucket, each with a catalog of its own, and one that xz packed. */
async function publishPackage({ dir, stock, servers, ctx }: StockPlace): Promise<void> {
  const { binaries, catalog } = servers;
  const source = join(stock, "pkg");
  await ensureDir(source);
  for (const version of ["1", "2", "3"]) {
    await Deno.writeTextFile(join(source, "file"), `version ${version}`);
    const one = { ...published, version, paths: [source] };
    await publish({
      ...one,
      stores: [`file://${join(stock, "store")}`],
      catalog: `sqlite://${join(stock, "catalog.db")}`,
    }, ctx);
    await publish({ ...one, stores: [binaries.url], catalog: catalog.url }, ctx);
    await runKedge([
      ...["publish", source, "--name", published.name, "--version", version],
      ...["--to", bucketOf(servers), "--catalog", `sqlite://${join(stock, "s3.db")}`],
    ], { cacheDir: ctx.cache.dir, env: bucketKeys });
  }
  await publish({
    ...{ name: "packed", version: "1", paths: [source], compression: "xz" },
    stores: [`file://${join(dir, "packed")}`],
    catalog: `sqlite://${join(stock, "packed.db")}`,
  }, ctx);
  // Each copy of the store has a catalog of its own.
  await Deno.remove(join(stock, "store", ".kedge", "publishers"), { recursive: true });
}

/** A package that one of its stores has lost; gives its catalog. */
async function publishLarge({ dir, servers: { binaries }, ctx }: StockPlace): Promise<string> {
  await Deno.writeFile(join(dir, "big"), randomBytes(5_000_000));
  const big = `sqlite://${dir}/big.db`;
  await runKedge([
    ...["publish", join(dir, "big"), "--name", "big", "--version", "1", "--catalog", big],
    ...["--to", `file://${dir}/other`, "--to", binaries.url],
  ], { cacheDir: ctx.cache.dir });
  for await (const { name } of Deno.readDir(join(dir, "other", "nar"))) {
    binaries.objects.delete(`nar/${name}`);
  }
  return big;
}
