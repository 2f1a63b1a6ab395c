import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../lib/cache/cache.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { Figures } from "../../lib/operation/figures.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { syncImage, type SyncImageOptions, type SyncImageResult } from "../../tasks/image/image.ts";
import {
  syncImages,
  type SyncImagesOptions,
  type SyncImagesResult,
} from "../../tasks/image/list.ts";
import { removeTree } from "./remove_tree.ts";

/** A folder for a test of image copies. Each copy runs as if on a machine of its own, unless all run on one, where each knows the layouts of the others. */
export class ImageRoom implements AsyncDisposable {
  /** What was reported. */
  readonly events: OperationEvent[] = [];

  #oneMachine: boolean;
  #machines = 0;

  private constructor(readonly folder: string, oneMachine: boolean) {
    this.#oneMachine = oneMachine;
  }

  /** Makes one. */
  static async make(options: { oneMachine?: boolean } = {}): Promise<ImageRoom> {
    return new ImageRoom(await Deno.makeTempDir(), options.oneMachine ?? false);
  }

  /** A path in the folder. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** A dry run, then the run; the figures of both must be the same, or within the bound that the plan says it is. */
  async sync(
    from: string,
    to: string,
    options: Partial<SyncImageOptions> = {},
  ): Promise<SyncImageResult> {
    return await this.#run((ctx) => syncImage({ from, to, ...options }, ctx));
  }

  /** The same of a list of images. */
  async syncAll(options: SyncImagesOptions): Promise<SyncImagesResult> {
    return await this.#run((ctx) => syncImages(options, ctx));
  }

  async #run<R extends Figures>(run: (ctx: TaskContextOptions) => Promise<R>): Promise<R> {
    const context = {
      cache: new Cache(this.path(this.#oneMachine ? "cache" : `cache-${++this.#machines}`)),
      report: (event: OperationEvent) => void this.events.push(event),
    };
    const before = this.events.length;
    const planned = await run({ ...context, dryRun: true });
    const isBound = this.events.slice(before).some((each) => each.type === "plan" && !each.exact);
    const done = await run(context);
    const { bytesMoved, bytesReused, requests } = done;
    const figures = isBound ? { bytesMoved, bytesReused, requests } : {};
    assertEquals({ ...planned, ...figures, dryRun: false }, done);
    assert(bytesMoved <= planned.bytesMoved && requests <= planned.requests);
    assert(bytesReused >= planned.bytesReused);
    return done;
  }

  /** In what a copy runs that is neither planned before nor reported. */
  get context(): { cache: Cache } {
    return { cache: new Cache(this.path("cache")) };
  }

  /** What was noted so far. */
  get notes(): string[] {
    return this.events.flatMap((event) => event.type === "note" ? [event.message] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.folder);
  }
}
