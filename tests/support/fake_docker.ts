/**
 * The few commands of docker's command line that bring an image into its store, with the contract of a daemon of today: an image is known
 * by the digest of its config, a layer by its whole stack, and only what is lacking is asked of the registry. It keeps no files.
 *
 * `main` runs in a process of its own: `deno run -A fake_docker.ts STATE COMMAND...`.
 *
 * @module
 */
// deno-lint-ignore-file no-console -- it is a program
import { join } from "@std/path";
import { fromFileUrl } from "@std/path";
import { MediaType } from "../../lib/oci/media_type.ts";
import { sha256 } from "../../lib/base/digest.ts";
import { writeProgram } from "./program_file.ts";

interface State {
  /** The images, by the digest of the config. */
  images: Record<string, { layers: string[] }>;
  /** What names point to. */
  names: Record<string, string>;
  /** Whether images are known by the digest that was asked for. */
  byManifest?: boolean;
}

/**
 * Writes a program `docker` into a folder; gives its path. `byManifest`: an image is known by the digest that was asked for, as in docker's
 * store of containerd.
 */
export async function fakeDocker(
  folder: string,
  { byManifest = false }: { byManifest?: boolean } = {},
): Promise<string> {
  const program = join(folder, "docker");
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const script = fromFileUrl(import.meta.url);
  const command = [Deno.execPath(), "run", "-A", "--config", config, script, `${folder}/state`]
    .map((word) => `'${word}'`).join(" ");
  if (byManifest) {
    const state: State = { images: {}, names: {}, byManifest };
    await Deno.writeTextFile(`${folder}/state`, JSON.stringify(state));
  }
  await writeProgram(
    program,
    `#!/bin/sh\n# What a test learns of its own process is not of this one.\nunset DENO_AUDIT_PERMISSIONS\nexec ${command} "$@"\n`,
  );
  return program;
}

async function main(path: string, args: string[]): Promise<number> {
  // One daemon does the commands of all processes.
  using turn = await Deno.open(`${path}.lock`, { create: true, write: true });
  await turn.lock(true);
  const state = await read(path);
  const [command, ...rest] = args;
  const words = rest.filter((word) => !word.startsWith("--"));
  const wrong = (message: string) => {
    console.error(`Error response from daemon: ${message}`);
    return 1;
  };
  switch (command) {
    case "images":
      console.log(Object.keys(state.images).join("\n"));
      return 0;
    case "image": {
      const found = words.slice(1).flatMap((name) => {
        const id = state.images[name] === undefined ? state.names[name] : name;
        if (id === undefined) return [];
        const names = Object.keys(state.names).filter((each) => state.names[each] === id);
        return [{
          Id: id,
          RootFS: { Layers: state.images[id]!.layers },
          RepoTags: names.filter((each) => !each.includes("@")),
          RepoDigests: names.filter((each) => each.includes("@")),
        }];
      });
      if (found.length < words.length - 1) return wrong(`No such image: ${words[1]}`);
      const byFormat = rest.some((word) => word.startsWith("--format={{.Id}}"));
      console.log(byFormat ? found[0]!.Id : JSON.stringify(found));
      return 0;
    }
    case "pull":
      state.names[words[0]!] = await pull(state, words[0]!);
      break;
    case "tag": {
      const [image, name] = words as [string, string];
      const id = state.images[image] === undefined ? state.names[image] : image;
      if (id === undefined) return wrong(`No such image: ${image}`);
      state.names[name] = id;
      break;
    }
    case "rmi":
      if (state.names[words[0]!] === undefined) return wrong(`No such image: ${words[0]}`);
      delete state.names[words[0]!];
      break;
    default:
      return wrong(`unknown command: docker ${command}`);
  }
  await Deno.writeTextFile(path, JSON.stringify(state));
  return 0;
}

async function pull(state: State, reference: string): Promise<string> {
  const [, host, repository, digest] = /^(127\.0\.0\.1:\d+)\/(.+)@(sha256:.+)$/.exec(reference)!;
  const get = async (kind: string, wanted: string) => {
    const response = await fetch(`http://${host}/v2/${repository}/${kind}/${wanted}`, {
      headers: { accept: `${MediaType.ociManifest}, */*` },
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!response.ok || sha256(bytes) !== wanted) throw new Error(`bad ${kind} ${wanted}`);
    return new TextDecoder().decode(bytes);
  };
  const manifest = JSON.parse(await get("manifests", digest!));
  const config = await get("blobs", manifest.config.digest);
  const layers: string[] = JSON.parse(config).rootfs.diff_ids;
  for (const [at, layer] of manifest.layers.entries()) {
    const stack = layers.slice(0, at + 1);
    const there = Object.values(state.images).some((image) =>
      stack.every((each, depth) => image.layers[depth] === each)
    );
    if (!there) await get("blobs", layer.digest);
  }
  const id = state.byManifest ? digest! : manifest.config.digest;
  state.images[id] = { layers };
  return id;
}

async function read(path: string): Promise<State> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { images: {}, names: {} };
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args[0]!, Deno.args.slice(1)));
