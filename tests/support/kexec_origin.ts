/** A bundle at an origin, and a cache that it comes to. @module */
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import { Journal } from "../../lib/journal/journal.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { cacheKexec, type CacheKexecOptions } from "../../tasks/kexec/kexec.ts";
import { bundleBytes } from "./bundle.ts";
import { type Origin, startOrigin } from "./origin.ts";

/** 1 MiB, in bytes. */
export const mebibyte = 1024 * 1024;
/** Retries without long waits. */
export const quick = { retry: { retries: 2, baseMs: 1, ceilingMs: 2 } };
/** A bundle that comes in one request. */
export const small = bundleBytes({ size: mebibyte });
/** A bundle that comes in ranges. */
export const large = bundleBytes({ size: 24 * mebibyte });
/** Another version of the small one. */
export const next = bundleBytes({ size: mebibyte, version: "2" });

/** What a test with an origin works with. */
export interface OriginGround {
  /** The origin. */
  origin: Origin;
  /** The folder of the cache. */
  dir: string;
  /** Runs as one process would: with a cache of its own on the same folder. */
  run(options?: CacheKexecOptions, ctx?: TaskContextOptions): ReturnType<typeof cacheKexec>;
}

/** Runs something with an origin that has a bundle, and a cache that is empty. */
export async function withOrigin(
  body: Uint8Array,
  test: (ground: OriginGround) => Promise<void>,
  path = "/bundle.tar.gz",
): Promise<void> {
  await using origin = startOrigin({ [path]: { body } });
  const folder = await Deno.makeTempDir({ prefix: "kedge-kexec-" });
  const dir = join(folder, "cache");
  try {
    await test({
      origin,
      dir,
      run: async (options = {}, ctx = {}) => {
        using journal = new Journal({ path: join(dir, "journal-v1.db") });
        return await cacheKexec({ url: origin.url(path), ...quick, ...options }, {
          cache: new Cache(dir),
          journal,
          ...ctx,
        });
      },
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A reporter that keeps the notes. */
export function noted(): { report: (event: OperationEvent) => void; notes: string[] } {
  const notes: string[] = [];
  const report = (event: OperationEvent) => {
    if (event.type === "note") notes.push(event.message);
  };
  return { report, notes };
}

/** The bundle at the origin, which may be changed. */
export const file = (origin: Origin) => origin.files.get("/bundle.tar.gz")!;
