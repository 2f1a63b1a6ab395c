/** Images with a Nix store in them, whose database real Nix wrote. */
import { basename, dirname, join } from "@std/path";
import { sha256 } from "../../lib/base/digest.ts";
import { digestHex } from "../../lib/base/digest_text.ts";
import { encodeNix32 } from "../../lib/nix/nix32.ts";
import { hashNar } from "../../lib/nix/nar/hash_nar.ts";
import { decodeHex } from "@std/encoding";

/** One path of a store in an image. */
export interface ImagePath {
  /** The name after the hash. */
  name: string;
  /** Its files, by their paths within; a target with `-> ` before it is a symlink, one with `x ` before it a program. @default {one file} */
  files?: Readonly<Record<string, string>>;
  /** Files of this machine that are copied into it, under their own names. */
  copies?: readonly string[];
  /** Names of paths that it needs; itself too, where it says so. */
  needs?: readonly string[];
}

/** A store made for an image. */
export interface MadeStore {
  /** The root file system that it lies in. */
  root: string;
  /** The base name of each path, by its name. */
  paths: Record<string, string>;
}

/** Test files run side by side, and a prune leaves what a process of this machine uses: none may name what another one has. */
const salt = crypto.randomUUID();

/** The base name that a path has: within a test file the same for the same name and files. */
function baseNameOf({ name, files, copies, needs }: ImagePath): string {
  const hex = digestHex(sha256(JSON.stringify([salt, name, files, copies, needs])));
  return `${encodeNix32(decodeHex(hex.slice(0, 40)))}-${name}`;
}

async function run(program: string, args: readonly string[], stdin = ""): Promise<string> {
  const child = new Deno.Command(program, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(stdin)).then(() => writer.close());
  const [{ success, stdout, stderr }] = await Promise.all([child.output(), written]);
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/**
 * Makes a store with these paths, each after those that it needs, below `root`, and a profile `default` that leads to the last one.
 */
export async function makeStore(root: string, paths: readonly ImagePath[]): Promise<MadeStore> {
  const names: Record<string, string> = {};
  const registration: string[] = [];
  for (const path of paths) {
    const baseName = names[path.name] = baseNameOf(path);
    const folder = join(root, "nix", "store", baseName);
    const files = path.files ?? { content: path.name };
    for (const [file, content] of Object.entries(files)) {
      const at = join(folder, file);
      await Deno.mkdir(dirname(at), { recursive: true });
      if (content.startsWith("-> ")) await Deno.symlink(content.slice(3), at);
      else await Deno.writeTextFile(at, content.replace(/^x /, ""));
      if (content.startsWith("x ")) await Deno.chmod(at, 0o755);
    }
    for (const [i, file] of (path.copies ?? []).entries()) {
      await Deno.copyFile(file, join(folder, `${i}-${basename(file)}`));
    }
    const { narHash, narSize } = await hashNar(folder);
    const needs = (path.needs ?? []).map((need) => `/nix/store/${names[need]}`);
    registration.push(
      ...[`/nix/store/${baseName}`, digestHex(narHash), String(narSize), "", String(needs.length)],
      ...needs,
    );
  }
  await run(
    "nix-store",
    ["--store", `local?root=${root}`, "--load-db"],
    `${registration.join("\n")}\n`,
  );
  const state = join(root, "nix", "var", "nix");
  await Deno.mkdir(join(state, "profiles"), { recursive: true });
  await Deno.mkdir(join(state, "gcroots"), { recursive: true });
  const last = names[paths.at(-1)!.name]!;
  for (
    const [link, target] of [
      ["profiles/default-1-link", `/nix/store/${last}`],
      ["profiles/default", "default-1-link"],
      ["gcroots/profiles", "/nix/var/nix/profiles"],
    ] as const
  ) {
    await Deno.remove(join(state, link)).catch(() => undefined);
    await Deno.symlink(target, join(state, link));
  }
  return { root, paths: names };
}

/** The store as layers: one for each group of names, and one for the database and the profiles. */
export async function layersOf(
  { root, paths }: MadeStore,
  groups: readonly (readonly string[])[] = Object.keys(paths).map((name) => [name]),
): Promise<Uint8Array<ArrayBuffer>[]> {
  const layers: Uint8Array<ArrayBuffer>[] = [];
  for (const group of groups) {
    layers.push(await tarOf(root, group.map((name) => `nix/store/${paths[name]}`)));
  }
  layers.push(await tarOf(root, ["nix/var"]));
  return layers;
}

/** A tarball of some paths of a root file system, as images have them: everything root's, one second old. */
export async function tarOf(
  root: string,
  paths: readonly string[],
): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command("tar", {
    args: [
      ...["--create", "--sort=name", "--mtime=@1", "--owner=0", "--group=0", "--numeric-owner"],
      ...["--mode=a-w", "--directory", root, ...paths],
    ],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return stdout;
}

/** What real Nix says of a store that is mounted as `/nix` somewhere: every path is hashed again. */
export async function verifyWithNix(uri: string): Promise<void> {
  await run("nix-store", ["--store", uri, "--verify", "--check-contents"]);
}

/** The valid paths of a store, as real Nix names them. */
export async function validWithNix(uri: string): Promise<string[]> {
  const text = await run("nix", [
    ...["--extra-experimental-features", "nix-command", "path-info", "--all", "--store", uri],
  ]);
  return text.split("\n").filter((line) => line !== "").sort();
}
