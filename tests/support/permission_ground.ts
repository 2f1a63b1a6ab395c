import { copy, ensureDir } from "@std/fs";
import { join } from "@std/path";
import type { Digest } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { syncImage } from "../../tasks/image/image.ts";
import { cacheKexec } from "../../tasks/kexec/kexec.ts";
import { publish } from "../../tasks/publish/publish.ts";
import { baseImage } from "../../tasks/base_image/base_image.ts";
import { carryStore } from "../../tasks/store/store.ts";
import { exportStore } from "../../tasks/store/copy_store.ts";
import { pushDisk } from "../../tasks/disk/disk.ts";
import { FaultyCache } from "./binary_cache.ts";
import { makeBundle } from "./bundle.ts";
import { CatalogServer } from "./catalog_server.ts";
import { FakeRegistry, type FakeRegistryOptions } from "./fake_registry.ts";
import { fakeDocker } from "./fake_docker.ts";
import { fakeNixosAnywhere } from "./fake_nixos_anywhere.ts";
import { randomBytes, writeImage } from "./layout.ts";
import { startNix } from "./nix.ts";
import { nixPaths } from "./carry_room.ts";
import { layersOf, makeStore } from "./nix_store_image.ts";
import { pushNixImage } from "./nix_image.ts";
import { startOrigin } from "./origin.ts";
import { runKedge } from "./program.ts";
import { writeProgram } from "./program_file.ts";
import { startLyingProxy, startRelay } from "./proxy.ts";
import { s3Keys, startS3 } from "./s3.ts";
import { startSshd } from "./sshd.ts";
import { removeTree } from "./remove_tree.ts";

/** One way of using a built-in task; `DIR` stands for its working folder. */
export interface Way {
  /** What follows the name of the task. */
  readonly args: readonly string[];
  /** Variables beside those of the ground. */
  readonly env?: Readonly<Record<string, string>>;
  /** The cache folder, where KEDGE_CACHE_DIR is not to name one. */
  readonly cacheDir?: string;
  /** Changes something in the working folder first. */
  readonly before?: (cwd: string) => Promise<void>;
  /** Whether it runs on a terminal. */
  readonly terminal?: boolean;
  /** Whether all files must be allowed as a whole. */
  readonly unscoped?: boolean;
  /** Whether it fails, since a program that stands in for another does. */
  readonly fails?: boolean;
  /** The programs without which it must fail; `*` where any may be run. */
  readonly needs?: readonly string[];
}

/** The servers, and the files, that the built-in tasks are used on. */
export interface PermissionGround extends AsyncDisposable {
  /** A folder for the working folders. */
  readonly dir: string;
  /** What each working folder begins with. */
  readonly stock: string;
  /** The environment. */
  readonly env: Readonly<Record<string, string>>;
  /** How each task is used. */
  readonly ways: Readonly<Record<string, readonly Way[]>>;
}

/** Deno's own cache, which must not move with HOME. */
const DENO_DIR = Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "/", ".cache", "deno");

/** What a registry is sent as a stream, in bytes: a small blob is sent whole, and then no proxy is looked for. */
const large = 1_500_000;

/** Starts real and fake servers, and makes images, disks, packages, a cache and a journal. */
export async function startPermissionGround(): Promise<PermissionGround> {
  const stack = new AsyncDisposableStack();
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kedge-permissions-" }));
  stack.defer(() => removeTree(dir));
  const stock = join(dir, "stock");
  const home = join(dir, "home");
  const home2 = join(dir, "home2");
  const origin = stack.use(startOrigin({}));
  const access: FakeRegistryOptions = {};
  const registry = stack.use(new FakeRegistry(access));
  const binaries = stack.use(new FaultyCache());
  const server = stack.use(new CatalogServer());
  const s3 = stack.use(await startS3());
  const sshd = stack.use(await startSshd());
  const nix = stack.use(await startNix());
  await ensureDir(stock);
  const bundle = await makeBundle(join(stock, "bundle.tar.gz"), { size: large });
  const body = await Deno.readFile(bundle.path);
  const github = stack.use(
    await startLyingProxy(
      dir,
      "github.com",
      () => new Response(body, { headers: { etag: '"1"' } }),
    ),
  );
  const relay = stack.use(startRelay(registry.url));
  const fake = await fakeNixosAnywhere(dir);
  await ensureDir(home);
  const ctx = { cache: new Cache(join(stock, "cache")) };

  origin.files.set("/b.tar.gz", { body });
  origin.files.set("/c.tar.gz", { body });
  const packed = await new Deno.Command("xz", {
    args: ["-c", (await makeBundle(join(dir, "bundle.tar"), { compression: "none" })).path],
  }).output();
  origin.files.set("/b.tar.xz", { body: packed.stdout });
  await cacheKexec({ url: origin.url("/b.tar.gz") }, ctx);

  await writeImage(join(stock, "images"), "a", { layers: [randomBytes(2_000_000)] });
  await writeImage(join(stock, "images"), "new", { layers: [randomBytes(large, 3)] });
  await writeImage(join(stock, "images"), "b", { layers: [randomBytes(5000, 2)] });
  const noise = randomBytes(3_000_000, 9).toHex();
  const paths = [...nixPaths("2.8.0"), { name: "large", files: { noise } }];
  const carried = await makeStore(join(dir, "root"), paths);
  await pushNixImage(dir, registry.host, "2.8.0", [{
    label: "2.8.0",
    layers: await layersOf(carried),
  }]);
  const base = await baseImage({
    nixVersion: "2.8.0",
    repository: `${registry.host}/nixos/nix`,
  }, ctx);
  const nixFolder = { folder: join(dir, "carried") };
  await carryStore({ base, to: nixFolder }, ctx);
  for (const to of [binaries.url, `file://${join(stock, "exported")}`]) {
    await exportStore({ from: nixFolder, to }, ctx);
  }
  const ownCopy = (cwd: string) => copy(nixFolder.folder, join(cwd, "carried"));
  const libc = `/nix/store/${carried.paths["libc"]}`;
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

  await ensureDir(join(stock, "pkg"));
  const bucket = `s3://kedge/acme?endpoint=${s3.endpoint}`;
  const keys = {
    AWS_ACCESS_KEY_ID: s3Keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3Keys.secretAccessKey,
  };
  const names = { name: "acme", system: "x86_64-linux" };
  for (const version of ["1", "2", "3"]) {
    await Deno.writeTextFile(join(stock, "pkg", "file"), `version ${version}`);
    const paths = [join(stock, "pkg")];
    const published = { ...names, version, paths };
    await publish({
      ...published,
      stores: [`file://${join(stock, "store")}`],
      catalog: `sqlite://${join(stock, "catalog.db")}`,
    }, ctx);
    await publish({ ...published, stores: [binaries.url], catalog: server.url }, ctx);
    await runKedge([
      ...["publish", paths[0]!, "--name", "acme", "--version", version],
      ...["--to", bucket, "--catalog", `sqlite://${join(stock, "s3.db")}`],
    ], { cacheDir: ctx.cache.dir, env: keys });
  }
  const built = await nix.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
  await publish({
    ...{ name: "packed", version: "1", paths: [join(stock, "pkg")], compression: "xz" },
    stores: [`file://${join(dir, "packed")}`],
    catalog: `sqlite://${join(stock, "packed.db")}`,
  }, ctx);
  await Deno.writeFile(join(dir, "big"), randomBytes(5_000_000));
  // Each copy of the store has a catalog of its own.
  await Deno.remove(join(stock, "store", ".kedge", "publishers"), { recursive: true });
  const big = `sqlite://${dir}/big.db`;
  await runKedge([
    ...["publish", join(dir, "big"), "--name", "big", "--version", "1", "--catalog", big],
    ...["--to", `file://${dir}/other`, "--to", binaries.url],
  ], { cacheDir: ctx.cache.dir });
  for await (const { name } of Deno.readDir(join(dir, "other", "nar"))) {
    binaries.objects.delete(`nar/${name}`);
  }
  access.user = { name: "ada", password: "swordfish" };
  await runKedge(["cache:prune"], { cacheDir: ctx.cache.dir });
  const run = (await runKedge(["runs"], { cacheDir: ctx.cache.dir })).stdout.split(" ")[0]!;

  await Deno.mkdir(join(home, ".docker"));
  await Deno.writeTextFile(
    join(home, ".docker", "config.json"),
    JSON.stringify({ credHelpers: { [registry.host]: "kedge-test" } }),
  );
  await Deno.mkdir(join(home2, ".docker"), { recursive: true });
  await Deno.writeTextFile(
    join(home2, ".docker", "config.json"),
    JSON.stringify({ auths: { [registry.host]: { auth: btoa("ada:swordfish") } } }),
  );
  await Deno.mkdir(join(home2, ".aws"));
  await Deno.writeTextFile(
    join(home2, ".aws", "credentials"),
    `[default]\naws_access_key_id = ${s3Keys.accessKeyId}\n` +
      `aws_secret_access_key = ${s3Keys.secretAccessKey}\n`,
  );
  const bin = join(dir, "bin");
  await Deno.mkdir(bin);
  await writeProgram(join(bin, "podman"), "#!/bin/sh\nexit 125\n");
  await fakeDocker(bin);
  await writeProgram(
    join(bin, "docker-credential-kedge-test"),
    `#!/bin/sh\necho '{"Username":"ada","Secret":"swordfish"}'\n`,
  );

  const vm = `docker://${registry.host}/acme/vm`;
  const disk = `docker://${registry.host}/acme/disk`;
  // Another host, which only the proxy leads to.
  const far = "registry.acme.dev";
  const byProxy = { HTTP_PROXY: relay.host, NO_PROXY: "127.0.0.1" };
  const url = origin.url("/b.tar.gz");
  const fresh = ["--url", origin.url("/c.tar.gz")];
  const version = ["--name", "acme", "--version", "4"];
  const catalogs = {
    sqlite: "sqlite://DIR/catalog.db",
    s3: "sqlite://DIR/s3.db",
    http: server.url,
  };
  const to = (store: string, ...more: string[]): Way => ({
    args: ["pkg", ...version, "--catalog", catalogs.sqlite, "--to", store, ...more],
  });
  const ssh = [
    ...["--target", sshd.target, "--ssh-port", String(sshd.port)],
    ...["--identity-file", sshd.identityFile, "--known-hosts", sshd.knownHosts],
  ];
  return {
    dir,
    stock,
    env: {
      HOME: home,
      PATH: `${bin}:${Deno.env.get("PATH")}`,
      DENO_DIR,
      DENO_NO_UPDATE_CHECK: "1",
      // The login of another registry: after it, all other places are looked at for the first.
      KEDGE_REGISTRY_HOST: "registry.acme.dev",
      KEDGE_REGISTRY_USERNAME: "ada",
      KEDGE_REGISTRY_PASSWORD: "swordfish",
    },
    ways: {
      "kexec": [
        { args: ["--url", url, "--lock", "kedge.lock", "--refresh"], env: { CI: "" } },
        { args: ["--url", origin.url("/b.tar.xz")], needs: ["xz"] },
        { args: ["--url", url, "--store"], env: nix.env, needs: ["nix-store"] },
        {
          args: fresh,
          env: { HOME: home2, KEDGE_CACHE_TIER: `docker://${registry.host}/team/cache` },
        },
        {
          args: fresh,
          env: {
            KEDGE_CACHE_TIER_INSECURE: "1",
            KEDGE_CACHE_TIER: `docker://${far}/team/more`,
            ...byProxy,
          },
        },
      ],
      "nixos-anywhere": [
        {
          args: [
            ...[...ssh, "--flake", ".#a", "--yes", "--program", fake.program],
            ...["--kexec", "DIR/bundle.tar.gz", "--password-env", "PASSWORD_OF_HOST"],
          ],
          env: { PASSWORD_OF_HOST: "swordfish" },
          needs: ["*"],
        },
        {
          args: [...ssh, "--flake", ".#a", "--yes", "--program", fake.program],
          env: github.env,
        },
      ],
      "image:sync": [
        { args: ["oci:images:new", `${vm}:new`], needs: ["*"] },
        {
          args: ["oci:images:new", `docker://${far}/acme/new:a`, "--insecure-registry", far],
          env: byProxy,
        },
        { args: [`${vm}:a`, "oci:copy:a"] },
        { args: ["oci:images:a", "docker-daemon:a"], needs: ["*"] },
      ],
      "base-image": [
        { args: ["--repository", `${registry.host}/nixos/nix`, "--to", "oci:nix:a"], needs: ["*"] },
        { args: ["--repository", `${registry.host}/nixos/nix`, "--to", "docker-daemon:nix"] },
        {
          args: [
            ...["--repository", `${registry.host}/nixos/nix`, "--insecure-registry", far],
            ...["--to", `docker://${far}/nixos/copy:a`],
          ],
          env: byProxy,
        },
      ],
      "base-image:carry": [
        {
          args: ["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
          unscoped: true,
          needs: ["*"],
        },
        {
          args: [
            ...["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
            ...["--copy", "oci:DIR/copy:nix"],
          ],
          unscoped: true,
        },
        {
          args: [
            ...["--repository", `${registry.host}/nixos/nix`, "--folder", "DIR/new"],
            ...["--copy", `docker://${far}/nixos/other:a`, "--insecure-registry", far],
          ],
          env: byProxy,
          unscoped: true,
        },
        { args: ["--repository", `${registry.host}/nixos/nix`, "--volume", "new"], fails: true },
      ],
      "base-image:prune": [
        { args: ["--folder", "DIR/carried", "--keep", "0"], before: ownCopy, needs: ["*"] },
      ],
      "base-image:export": [
        { args: [libc, "--folder", nixFolder.folder, "--to", "file://DIR/elsewhere"] },
        { args: ["--folder", nixFolder.folder, "--to", `${binaries.url}/second`] },
        { args: [libc, "--folder", nixFolder.folder, "--to", bucket], env: keys },
        {
          args: [libc, "--folder", nixFolder.folder, "--to", bucket],
          env: { HOME: home2 },
        },
        { args: ["--volume", "new", "--to", binaries.url], fails: true, needs: ["*"] },
      ],
      "base-image:import": [
        {
          args: [libc, "--folder", "DIR/new", "--from", "file://DIR/exported"],
          unscoped: true,
        },
        {
          args: [libc, "--folder", "DIR/carried", "--from", binaries.url],
          before: ownCopy,
          unscoped: true,
        },
        { args: [libc, "--folder", "DIR/new", "--from", bucket], env: keys, unscoped: true },
        {
          args: [libc, "--folder", "DIR/new", "--from", bucket],
          env: { HOME: home2 },
          unscoped: true,
        },
        {
          args: [libc, "--volume", "new", "--from", binaries.url],
          fails: true,
          needs: ["*"],
        },
      ],
      "image:ls": [{ args: ["oci:images"] }, { args: [vm], needs: ["*"] }],
      "image:inspect": [{ args: ["oci:images:a"] }, { args: [`${vm}:a`], needs: ["*"] }],
      "image:diff": [{ args: ["oci:images:a", `${vm}:b`], needs: ["*"] }],
      "image:gc": [{ args: ["oci:images", "--untag", "a", "--grace", "0s"] }],
      "image:rm": [{ args: ["oci:images:b"] }, { args: [`${vm}:none`], needs: ["*"] }],
      "disk:push": [
        { args: ["a.img", "oci:new:a"] },
        { args: ["large.img", `${disk}:new`], needs: ["*"] },
        {
          args: ["large.img", `docker://${far}/acme/other:new`, "--insecure-registry", far],
          env: byProxy,
        },
      ],
      "disk:pull": [
        { args: ["oci:disks:a", "new.img"] },
        { args: [`${disk}:a`, "new.img"], needs: ["*"] },
      ],
      "disk:verify": [
        { args: ["oci:disks:a", "a.img"] },
        { args: [`${disk}:b`, "a.img", "--repair"], needs: ["*"] },
        { args: ["oci:disks:a", "a-cut.img", "--repair"] },
      ],
      "disk:inspect": [{ args: ["oci:disks:a"] }, { args: [`${disk}:a`], needs: ["*"] }],
      "disk:diff": [{ args: ["oci:disks:a", `${disk}:b`], needs: ["*"] }],
      "publish": [
        to("file://DIR/store"),
        to("file://DIR/store", "--compression", "xz"),
        to(binaries.url, "--catalog", catalogs.http),
        { ...to(bucket), env: keys },
        { ...to(bucket), env: { HOME: home2 } },
        { args: [join(dir, "big"), ...version, "--catalog", big, "--to", `${binaries.url}/more`] },
        to("exec:true&read=file://DIR/store"),
        {
          args: [
            ...[built["top"]!, ...version, "--catalog", catalogs.sqlite],
            ...["--to", `local?root=${dir}/remote`],
          ],
          env: { ...nix.env, NIX_CONFIG: "require-sigs = false" },
          needs: ["*"],
        },
      ],
      "publish:verify": [
        { args: ["acme", "--catalog", catalogs.sqlite] },
        { args: ["acme", "--catalog", catalogs.http, "--verify", "full"] },
        { args: ["big", "--catalog", big, "--repair"] },
        { args: ["acme", "--catalog", catalogs.s3], env: keys },
        { args: ["acme", "--catalog", catalogs.s3], env: { HOME: home2 } },
        {
          args: ["packed", "--catalog", "sqlite://DIR/packed.db", "--verify", "full"],
          needs: ["*"],
        },
      ],
      "publish:rollback": [
        { args: ["acme", "--catalog", catalogs.sqlite, "--system", names.system] },
        { args: ["acme", "--catalog", catalogs.http, "--system", names.system] },
        { args: ["acme", "--catalog", catalogs.s3, "--system", names.system], env: keys },
        {
          args: ["acme", "--catalog", catalogs.s3, "--system", names.system],
          env: { HOME: home2 },
        },
      ],
      "publish:prune": [
        { args: ["--catalog", catalogs.sqlite, "--from", "file://DIR/store", "--keep", "0"] },
        {
          args: [
            ...["--catalog", catalogs.http, "--other-catalog", catalogs.sqlite],
            ...["--from", "file://DIR/store", "--keep", "9"],
          ],
        },
      ],
      "publish:keygen": [{ args: ["acme-1", "key", "--to", "file://DIR/store"] }],
      "catalog:ls": [
        { args: ["--catalog", catalogs.sqlite] },
        { args: ["--catalog", catalogs.http] },
      ],
      "catalog:show": [
        { args: ["acme", "--catalog", catalogs.sqlite] },
        { args: ["acme", "--catalog", catalogs.http] },
      ],
      "cache:dir": [{ args: [] }, { args: [], cacheDir: join(home, ".cache", "kedge") }],
      "cache:size": [{ args: [] }, { args: [], terminal: true }],
      "cache:ls": [{ args: [] }],
      "cache:why": [{ args: ["b.tar.gz"] }],
      "cache:verify": [
        { args: [] },
        {
          args: [],
          before: (cwd) => damage(join(cwd, "cache"), bundle.digest),
          env: { HOME: home2, KEDGE_CACHE_TIER: `docker://${registry.host}/team/third` },
        },
        {
          args: [],
          before: (cwd) => damage(join(cwd, "cache"), bundle.digest),
          env: {
            HOME: home2,
            KEDGE_CACHE_TIER_INSECURE: "1",
            KEDGE_CACHE_TIER: `docker://${far}/team/fourth`,
            ...byProxy,
          },
        },
      ],
      "cache:prune": [{ args: ["--max-size", "1KiB", "--min-free", "1KiB"] }],
      "cache:clean": [{ args: [] }],
      "runs": [{ args: [] }],
      "runs:show": [{ args: [run] }],
      "permissions": [{ args: ["kexec"] }],
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Flips a bit of what a cache keeps. */
async function damage(cacheDir: string, digest: Digest): Promise<void> {
  const hex = digest.slice("sha256:".length);
  const path = join(cacheDir, "blobs-v1", "sha256", hex.slice(0, 2), hex);
  const bytes = await Deno.readFile(path);
  bytes[0]! ^= 1;
  await Deno.chmod(path, 0o644);
  await Deno.writeFile(path, bytes);
}
