import { assertEquals } from "@std/assert";
import type { Digest } from "../../lib/base/digest.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { Lockfile } from "../../lib/cache/lockfile.ts";
import type { Refresh } from "../../lib/cache/refresh.ts";
import { syncImage, type SyncImageOptions } from "../../tasks/image/image.ts";
import { syncImages, type SyncImagesOptions } from "../../tasks/image/list.ts";
import { FakeRegistry } from "./fake_registry.ts";
import { writeImage } from "./layout.ts";

/** A registry with images, a lockfile, and a place for copies. */
export class PinRoom implements AsyncDisposable {
  readonly registry = new FakeRegistry();
  readonly notes: string[] = [];

  private constructor(readonly folder: string) {}

  static async make(): Promise<PinRoom> {
    return new PinRoom(await Deno.makeTempDir());
  }

  /** The repository. */
  get repository(): string {
    return `docker://${this.registry.host}/team/vm`;
  }

  get lockfile(): string {
    return `${this.folder}/kedge.lock`;
  }

  /** Puts an image under a tag of the registry. */
  async push(tag: string, layer: string): Promise<Digest> {
    const layout = `${this.folder}/made`;
    await writeImage(layout, tag, { layers: [layer] });
    const ctx = { cache: new Cache(`${this.folder}/other`) };
    const from = `oci:${layout}:${tag}`;
    return (await syncImage({ from, to: `${this.repository}:${tag}` }, ctx)).digest as Digest;
  }

  context(how: { update?: Refresh; frozen?: boolean } = {}) {
    return {
      cache: new Cache(`${this.folder}/cache`),
      lockfile: new Lockfile(this.lockfile, how),
      report: (event: { type: string; message?: string }) =>
        void (event.type === "note" && this.notes.push(event.message!)),
    };
  }

  /** A dry run, which must leave the lockfile alone and foresee the figures, then the run. */
  async sync(
    how: { update?: Refresh; frozen?: boolean } = {},
    options: Partial<SyncImageOptions> = {},
  ) {
    const all = { from: `${this.repository}:v1`, to: `oci:${this.folder}/to:v1`, pin: true };
    return await this.#both(how, (ctx) => syncImage({ ...all, ...options }, ctx));
  }

  /** The same of the tags that fit. */
  async syncTags(
    tags: string,
    how: { update?: Refresh; frozen?: boolean } = {},
    options: Partial<SyncImagesOptions> = {},
  ) {
    const images = [{ from: this.repository, to: `oci:${this.folder}/to`, tags }];
    return await this.#both(how, (ctx) => syncImages({ images, pin: true, ...options }, ctx));
  }

  async #both<R>(
    how: { update?: Refresh; frozen?: boolean },
    run: (ctx: ReturnType<PinRoom["context"]> & { dryRun: boolean }) => Promise<R>,
  ): Promise<R> {
    const before = await this.pins();
    const planned = await run({ ...this.context(how), dryRun: true });
    assertEquals(await this.pins(), before);
    const done = await run({ ...this.context(how), dryRun: false });
    assertEquals({ ...planned, dryRun: false }, done);
    return done;
  }

  /** What is pinned, by tag. */
  async pins(): Promise<Record<string, string>> {
    const text = await Deno.readTextFile(this.lockfile).catch(() => '{"pins":{}}');
    const { pins } = JSON.parse(text) as { pins: Record<string, { digest: string }> };
    return Object.fromEntries(
      Object.entries(pins).map(([key, { digest }]) => {
        assertEquals(key.startsWith(`image ${this.repository}:`), true, key);
        return [key.slice(`image ${this.repository}:`.length), digest];
      }),
    );
  }

  /** What was asked since the last time. */
  asked(): string[] {
    return this.registry.requests.splice(0).map(({ method, path }) => `${method} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.registry[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
