import { ensureDir } from "@std/fs";
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { makeBundle } from "./bundle.ts";
import { fakeDocker } from "./fake_docker.ts";
import { fakeNixosAnywhere } from "./fake_nixos_anywhere.ts";
import { startPermissionServers } from "./permission_servers.ts";
import { large, makeStock } from "./permission_stock.ts";
import type { Ways } from "./permission_way.ts";
import { permissionWays } from "./permission_ways.ts";
import { writeProgram } from "./program_file.ts";
import { removeTree } from "./remove_tree.ts";
import { s3Keys } from "./s3.ts";

export type { Way } from "./permission_way.ts";

/** The servers, and the files, that the built-in tasks are used on. */
export interface PermissionGround extends AsyncDisposable {
  /** A folder for the working folders. */
  readonly dir: string;
  /** What each working folder begins with. */
  readonly stock: string;
  /** The environment. */
  readonly env: Readonly<Record<string, string>>;
  /** How each task is used. */
  readonly ways: Ways;
}

/** Deno's own cache, which must not move with HOME. */
const DENO_DIR = Deno.env.get("DENO_DIR") ?? join(Deno.env.get("HOME") ?? "/", ".cache", "deno");

/** Starts real and fake servers, and makes images, disks, packages, a cache and a journal. */
export async function startPermissionGround(): Promise<PermissionGround> {
  const stack = new AsyncDisposableStack();
  const dir = await Deno.realPath(await Deno.makeTempDir({ prefix: "kedge-permissions-" }));
  stack.defer(() => removeTree(dir));
  const [stock, home, home2, bin] = ["stock", "home", "home2", "bin"].map((name) =>
    join(dir, name)
  ) as [string, string, string, string];
  for (const folder of [stock, home, home2, bin]) await ensureDir(folder);
  const bundle = await makeBundle(join(stock, "bundle.tar.gz"), { size: large });
  const servers = stack.use(await startPermissionServers(dir, bundle));
  const { program: nixosAnywhere } = await fakeNixosAnywhere(dir);
  const ctx = { cache: new Cache(join(stock, "cache")) };
  const made = await makeStock({ dir, stock, servers, ctx });
  await writeLogins({ home, home2, bin, host: servers.registry.host });
  await writeProgram(join(bin, "podman"), "#!/bin/sh\nexit 125\n");
  await fakeDocker(bin);
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
    ways: permissionWays({
      dir,
      home,
      home2,
      servers,
      made,
      nixosAnywhere,
      bundle: bundle.digest,
    }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Makes two homes in which the login of the registry stands: from a program in the one, in a file in the other, with the keys of the bucket. */
async function writeLogins(
  { home, home2, bin, host }: { home: string; home2: string; bin: string; host: string },
): Promise<void> {
  await Deno.mkdir(join(home, ".docker"));
  await Deno.writeTextFile(
    join(home, ".docker", "config.json"),
    JSON.stringify({ credHelpers: { [host]: "kedge-test" } }),
  );
  await writeProgram(
    join(bin, "docker-credential-kedge-test"),
    `#!/bin/sh\necho '{"Username":"ada","Secret":"swordfish"}'\n`,
  );
  await Deno.mkdir(join(home2, ".docker"));
  await Deno.writeTextFile(
    join(home2, ".docker", "config.json"),
    JSON.stringify({ auths: { [host]: { auth: btoa("ada:swordfish") } } }),
  );
  await Deno.mkdir(join(home2, ".aws"));
  await Deno.writeTextFile(
    join(home2, ".aws", "credentials"),
    `[default]\naws_access_key_id = ${s3Keys.accessKeyId}\n` +
      `aws_secret_access_key = ${s3Keys.secretAccessKey}\n`,
  );
}
