/**
 * From what users name to what is published: store paths, links to them, flake outputs, derivations, and plain folders
 * and files, which get the store path that `nix store add-path` would give them.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join, resolve } from "@std/path";
import { KedgeError, UsageError } from "../../base/errors.ts";
import { queryClosure, sortClosure } from "./closure.ts";
import { contentAddress } from "../content_address.ts";
import { hashNar } from "../nar/hash_nar.ts";
import { type NixCommandOptions, nixJson } from "./nix_command.ts";
import { physicalPath } from "../physical_path.ts";
import type { SourcePath } from "../source_path.ts";
import { parseStorePath, tryParseStorePath } from "../store_path.ts";

/** What is to be published, all of it known. */
export interface Sources {
  /** The store paths that were asked for. */
  roots: readonly string[];
  /** All that they need, each path after those that it needs. */
  closure: readonly SourcePath[];
}

/** How sources are resolved. */
export interface ResolveSourcesOptions extends NixCommandOptions {
  /** Whether nothing may be built. @default {false} */
  dryRun?: boolean;
}

const longestChain = 40;

/**
 * Finds what the given names stand for.
 *
 * @throws {UsageError} if one of them is not there, or they belong to different stores
 * @throws {KedgeError} if a store path is not in the Nix store, or a build fails
 */
export async function resolveSources(
  names: readonly string[],
  options: ResolveSourcesOptions = {},
): Promise<Sources> {
  const storePaths: string[] = [];
  const plain: string[] = [];
  for (const name of names) {
    options.signal?.throwIfAborted();
    if (isInstallable(name)) {
      storePaths.push(...await build(name, options));
      continue;
    }
    const found = await follow(name);
    if (tryParseStorePath(found) === undefined) plain.push(found);
    else if (found.endsWith(".drv")) storePaths.push(...await build(found, options));
    else storePaths.push(found);
  }
  const storeDirs = new Set(storePaths.map((path) => parseStorePath(path).storeDir));
  if (storeDirs.size > 1) {
    throw new UsageError(
      `Cannot publish paths of ${
        [...storeDirs].join(" and ")
      } together: they are of different stores`,
    );
  }
  const [storeDir = defaultStoreDir(options.env)] = storeDirs;
  const remote = options.store ?? options.env?.["NIX_REMOTE"] ?? Deno.env.get("NIX_REMOTE");
  const infos = storePaths.length === 0
    ? []
    : await queryClosure([...new Set(storePaths)], options);
  const closure: SourcePath[] = infos.map((info) => ({
    ...info,
    files: physicalPath(info.storePath.path, storeDir, remote),
  }));
  const added: SourcePath[] = [];
  for (const path of plain) added.push(await contentAddressed(path, storeDir, options.signal));
  const known = new Map([...closure, ...added].map((each) => [each.storePath.baseName, each]));
  const sorted = sortClosure([...known.values()]).map((info) =>
    known.get(info.storePath.baseName)!
  );
  const roots = new Set([...storePaths, ...added.map((each) => each.storePath.path)]);
  return { roots: [...roots], closure: sorted };
}

/** The store folder where nothing else names one. */
function defaultStoreDir(env: Readonly<Record<string, string>> = {}): string {
  return env["NIX_STORE_DIR"] ?? Deno.env.get("NIX_STORE_DIR") ?? "/nix/store";
}

/** Whether a name is one that only Nix can build: `.#hello`, `nixpkgs#hello`, `/nix/store/...drv^out`. */
function isInstallable(name: string): boolean {
  return /[#^]/.test(name) || /^(flake|git|github|gitlab|path|tarball)[+:]/.test(name);
}

/** Follows links till a store path, or something that is none. */
async function follow(name: string): Promise<string> {
  let path = resolve(name);
  for (let step = 0; step < longestChain; step++) {
    if (tryParseStorePath(path) !== undefined) return path;
    let info: Deno.FileInfo;
    try {
      info = await Deno.lstat(path);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      throw new UsageError(
        `Cannot publish ${JSON.stringify(name)}: there is no such file or folder`,
        {
          cause,
          hint: "name a store path, a link to one, a folder, a file, or a flake output as .#NAME",
        },
      );
    }
    if (!info.isSymlink) return path;
    const target = await Deno.readLink(path);
    path = isAbsolute(target) ? resolve(target) : join(dirname(path), target);
  }
  throw new UsageError(`Cannot publish ${JSON.stringify(name)}: its symbolic links form a loop`);
}

async function build(name: string, options: ResolveSourcesOptions): Promise<string[]> {
  if (name.startsWith("-")) {
    throw new UsageError(`Cannot build ${JSON.stringify(name)}: Nix would take it for an option`, {
      hint: "a flake of this folder is named .#NAME",
    });
  }
  const args = ["build", "--json", "--no-link", ...(options.dryRun ? ["--dry-run"] : []), name];
  const json = await nixJson(args, `build "${name}"`, options);
  const outputs = Array.isArray(json)
    ? json.flatMap((each: unknown) => {
      const found = (each as { outputs?: Record<string, unknown> } | null)?.outputs ?? {};
      return Object.values(found).map((path) =>
        typeof path === "string" ? path : (path as { path?: string } | null)?.path ?? ""
      );
    })
    : [];
  if (outputs.length === 0 || outputs.some((path) => tryParseStorePath(path) === undefined)) {
    throw new KedgeError(`Cannot build "${name}": nix named no outputs`, { side: "source" });
  }
  return outputs;
}

async function contentAddressed(
  files: string,
  storeDir: string,
  signal: AbortSignal | undefined,
): Promise<SourcePath> {
  const { isFile, size } = await Deno.lstat(files);
  const { narHash, narSize } = await hashNar(files, {
    ...(isFile ? { narSize: size + 1024 } : {}),
    signal,
  });
  const { path, ca } = contentAddress(basename(files), narHash, "nar", storeDir);
  return {
    storePath: parseStorePath(path),
    narHash,
    narSize,
    references: [],
    signatures: [],
    ca,
    files,
  };
}
