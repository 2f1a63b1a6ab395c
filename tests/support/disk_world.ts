/** A folder with a cache and disks, for the tests of the disk tasks. @module */
import { assert, assertEquals } from "@std/assert";
import { equals } from "@std/bytes";
import { sha256 } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import type { DiskIndex } from "../../lib/chunk/chunk_table.ts";
import { DiskType, emptyConfig, encodeDiskManifest } from "../../lib/chunk/disk_manifest.ts";
import { encodeIndex } from "../../lib/chunk/encode_index.ts";
import type { Layout } from "../../lib/oci/layout/layout.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { pushDisk, type PushDiskOptions, type PushDiskResult } from "../../tasks/disk/disk.ts";
import { removeTree } from "./remove_tree.ts";

/** A temporary folder with what the disk tasks run in. */
export class DiskWorld implements AsyncDisposable {
  /** The folder. */
  readonly folder: string;
  /** The notes of all operations so far. */
  readonly notes: string[] = [];
  #caches = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes one. */
  static async make(): Promise<DiskWorld> {
    return new DiskWorld(await Deno.makeTempDir({ prefix: "kedge-disk-" }));
  }

  /** A path in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** A context with a cache of its own: another machine. */
  machine(): TaskContextOptions {
    return {
      cache: new Cache(this.path(`cache${this.#caches++}`)),
      report: (event: OperationEvent) => {
        if (event.type === "note") this.notes.push(event.message);
      },
    };
  }

  /** Writes a file and gives its path. */
  async write(name: string, data: Uint8Array): Promise<string> {
    await Deno.writeFile(this.path(name), data);
    return this.path(name);
  }

  /** Fails unless a file holds these bytes, and nothing unfinished stands beside it. */
  async holds(name: string, data: Uint8Array): Promise<void> {
    const bytes = await Deno.readFile(this.path(name));
    assertEquals(bytes.length, data.length);
    assert(equals(bytes, data), `${name} has other bytes`);
    for (const entry of await this.names()) {
      assert(!entry.includes(".kedge-"), `${entry} was left behind`);
    }
  }

  /** The names of what stands in the folder. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(this.folder)) names.push(name);
    return names.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.folder);
  }
}

/** A dry run of a push and the push, which must say the same. */
export async function pushTwice(
  options: PushDiskOptions,
  machine: TaskContextOptions,
): Promise<PushDiskResult> {
  const plan = await pushDisk(options, { ...machine, dryRun: true });
  const push = await pushDisk(options, machine);
  const told = (of: typeof plan) => [of.changed, of.why, of.requests, of.bytesReused];
  assertEquals(told(plan), told(push));
  assert(plan.bytesMoved >= push.bytesMoved, `${plan.bytesMoved} < ${push.bytesMoved}`);
  return push;
}

/** Puts a disk into a layout, whatever its index claims. */
export async function putDisk(
  layout: Layout,
  tag: string,
  index: DiskIndex,
  packs: readonly Uint8Array[],
): Promise<void> {
  const indexBytes = encodeIndex(index);
  await layout.make();
  for (const bytes of [emptyConfig, indexBytes, ...packs]) {
    await layout.putBytes(sha256(bytes), bytes);
  }
  const manifest = encodeDiskManifest(index, {
    mediaType: DiskType.index,
    digest: sha256(indexBytes),
    size: indexBytes.length,
  });
  await layout.putBytes(sha256(manifest), manifest);
  await layout.point(tag, {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(manifest),
    size: manifest.length,
  });
}
