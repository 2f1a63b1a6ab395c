import { join } from "@std/path";
import { FaultyCache } from "./binary_cache.ts";
import { type MadeBundle, makeBundle } from "./bundle.ts";
import { CatalogServer } from "./catalog_server.ts";
import { FakeRegistry, type FakeRegistryOptions } from "./fake_registry.ts";
import { type NixWorld, startNix } from "./nix.ts";
import { type Origin, startOrigin } from "./origin.ts";
import { type LyingProxy, type Relay, startLyingProxy, startRelay } from "./proxy.ts";
import { type S3Server, startS3 } from "./s3.ts";
import { type Sshd, startSshd } from "./sshd.ts";

/** The servers that the built-in tasks are used on. */
export interface PermissionServers extends AsyncDisposable {
  /** Has `/b.tar.gz`, the same as `/c.tar.gz`, and a bundle that xz packed. */
  readonly origin: Origin;
  /** A registry. */
  readonly registry: FakeRegistry;
  /** Who it lets in. */
  readonly access: FakeRegistryOptions;
  /** A binary cache. */
  readonly binaries: FaultyCache;
  /** A catalog. */
  readonly catalog: CatalogServer;
  /** A bucket. */
  readonly s3: S3Server;
  /** A host to be installed. */
  readonly sshd: Sshd;
  /** A Nix store. */
  readonly nix: NixWorld;
  /** Stands where github.com is, and has the bundle. */
  readonly github: LyingProxy;
  /** A proxy behind which every host is the registry. */
  readonly relay: Relay;
}

/** Starts them; those that a folder is needed for write into `dir`. */
export async function startPermissionServers(
  dir: string,
  bundle: MadeBundle,
): Promise<PermissionServers> {
  const stack = new AsyncDisposableStack();
  const body = await Deno.readFile(bundle.path);
  const origin = stack.use(startOrigin({ "/b.tar.gz": { body }, "/c.tar.gz": { body } }));
  const packed = await new Deno.Command("xz", {
    args: ["-c", (await makeBundle(join(dir, "bundle.tar"), { compression: "none" })).path],
  }).output();
  origin.files.set("/b.tar.xz", { body: packed.stdout });
  const access: FakeRegistryOptions = {};
  const registry = stack.use(new FakeRegistry(access));
  const answer = () => new Response(body, { headers: { etag: '"1"' } });
  return {
    origin,
    access,
    registry,
    binaries: stack.use(new FaultyCache()),
    catalog: stack.use(new CatalogServer()),
    s3: stack.use(await startS3()),
    sshd: stack.use(await startSshd()),
    nix: stack.use(await startNix()),
    github: stack.use(await startLyingProxy(dir, "github.com", answer)),
    relay: stack.use(startRelay(registry.url)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
