/** What is foreseen of a bundle that is to be brought to a host and is still to be fetched. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { cacheKexec, type CacheKexecOptions } from "../../../tasks/kexec/kexec.ts";
import type { StageKexecResult } from "../../../tasks/install/stage_kexec.ts";
import { startOrigin } from "../../support/origin.ts";
import { hostTest, remote } from "../../support/kexec_host.ts";

const MiB = 1024 * 1024;

hostTest(
  "stageKexec() plans with a bundle that is still to be fetched as the run goes",
  async (world) => {
    const { sshd, ctx } = world;
    const bundle = await world.bundle({ size: 3 * MiB });
    const body = await Deno.readFile(bundle.path);
    await using origin = startOrigin({ "/b.tar.gz": { body } });
    const dryRun = { ...ctx, dryRun: true };
    const figures = ({ bytesMoved, bytesReused, changed, booted }: StageKexecResult) =>
      [bytesMoved, bytesReused, changed, booted] as const;
    const planFor = async (options: CacheKexecOptions = {}, boot = true) => {
      const { path } = await cacheKexec({ url: origin.url("/b.tar.gz"), ...options }, dryRun);
      return await world.stage({ ...bundle, path }, { boot }, dryRun);
    };
    const unpinned = await planFor();
    assertEquals(unpinned, {
      target: "root@127.0.0.1",
      size: bundle.size,
      booted: false,
      release: Deno.osRelease(),
      changed: true,
      bytesMoved: bundle.size,
      bytesReused: 0,
      requests: 5,
      why: '"b.tar.gz" is still to be fetched',
      dryRun: true,
    });
    const pinned = await planFor({ sha256: bundle.digest });
    const path = remote(sshd, bundle.digest);
    assertEquals(pinned, { ...unpinned, path, digest: bundle.digest });

    const brought = await world.stage(bundle, { boot: false });
    assertEquals(figures(await planFor({}, false)), figures(brought));
    const there = await planFor({ sha256: bundle.digest });
    assertEquals(figures(there), [0, bundle.size, true, false]);
    assertEquals(there.requests, 2);
    assertEquals(
      there.why,
      '"b.tar.gz" is still to be fetched, and root@127.0.0.1 has it already',
    );
    await world.stage(bundle);
    assertEquals(figures(await planFor()), [0, 0, false, false]);
  },
);

hostTest(
  "stageKexec() plans with the new version of a bundle that is in the cache",
  async (world) => {
    const [old, next] = [
      await world.bundle(),
      await world.bundle({ size: 2 * MiB, name: "n.tar.gz" }),
    ];
    await using origin = startOrigin({ "/b.tar.gz": { body: await Deno.readFile(old.path) } });
    // Each as a process of its own would: what was confirmed in a run stays fresh in it.
    const fetch = (ctx: TaskContextOptions = {}) =>
      cacheKexec({ url: origin.url("/b.tar.gz") }, {
        cache: new Cache(join(world.folder, "cache")),
        ...ctx,
      });
    const { path } = await fetch();
    await world.stage({ ...old, path }, { boot: false });
    origin.files.get("/b.tar.gz")!.body = await Deno.readFile(next.path);
    await fetch({ dryRun: true, refresh: "all" });
    const plan = await world.stage({ ...old, path }, { boot: false }, { dryRun: true });
    await fetch({ refresh: "all" });
    const { bytesMoved } = await world.stage({ ...old, path }, { boot: false });
    assertEquals([plan.bytesMoved, bytesMoved], [next.size, next.size]);
    // What was foreseen is there by now.
    assertEquals(
      (await world.stage({ ...old, path }, { boot: false }, { dryRun: true })).bytesMoved,
      0,
    );
  },
);

hostTest(
  "stageKexec() plans with a bundle of which nothing is known, in a dry run alone",
  async (world) => {
    const bundle = { ...await world.bundle(), path: "/none/b.tar.gz" };
    const plan = await world.stage(bundle, {}, { dryRun: true });
    assertEquals([plan.size, plan.bytesMoved, plan.requests], [0, Infinity, 5]);
    const error = await assertRejects(() => world.stage(bundle), UsageError);
    assertEquals(
      error.message,
      'Cannot use the kexec bundle "/none/b.tar.gz": there is no such file',
    );
    await assertRejects(() => world.stage({ ...bundle, path: "/.tar" }), UsageError);
  },
);
