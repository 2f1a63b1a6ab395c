/** Stores that somebody else's program writes to: kedge plans and proves, and never takes an exit code as proof. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { basename, join } from "@std/path";
import type { KedgeError } from "../../lib/base/errors.ts";
import { Cache } from "../../lib/cache/cache.ts";
import { publish, type PublishOptions } from "../../tasks/publish.ts";
import { type NixWorld, startNix } from "../support/nix.ts";
import { plainGround } from "../support/plain_paths.ts";
import { realTest } from "../support/real.ts";

async function ground(
  world: NixWorld,
): Promise<{ options: PublishOptions; ctx: { cache: Cache } }> {
  const built = await world.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
  return {
    options: {
      name: "top",
      version: "1",
      paths: [built["top"]!],
      stores: [],
      catalog: `sqlite://${world.dir}/catalog.db`,
      nix: { env: { ...world.env, NIX_CONFIG: "require-sigs = false" } },
    },
    ctx: { cache: new Cache(join(world.dir, "kedge-cache")) },
  };
}

realTest("publish() goes through nix copy to stores that only Nix knows", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const stores = [`local?root=${world.dir}/remote`];
  const labels: string[] = [];
  const report = (event: { type: string; label?: string }) => {
    if (event.type === "object-end") labels.push(event.label!);
  };
  const foreseen = await publish({ ...options, stores }, { ...ctx, dryRun: true });
  const first = await publish({ ...options, stores }, { ...ctx, report });
  assertEquals([first.changed, first.stores[0]?.missing, labels.length], [true, 2, 2]);
  assertEquals(first.bytesMoved, foreseen.bytesMoved);
  const path = first.storePaths[0]!;
  assertStringIncludes(
    await Deno.readTextFile(`${world.dir}/remote/nix/store/${basename(path)}/content`),
    "top",
  );
  const second = await publish({ ...options, stores, verify: "full" }, ctx);
  assertEquals([second.changed, second.bytesMoved], [false, 0]);
  await world.run("nix-store", ["--delete", path, "--store", stores[0]!]);
  assertEquals((await publish({ ...options, stores, verify: "full" }, ctx)).stores[0]?.missing, 1);
});

realTest("publish() tells why nix copy failed", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const env = { ...options.nix!.env, NIX_CONFIG: "require-sigs = true" };
  const stores = [`local?root=${world.dir}/remote`];
  const error = await assertRejects(() =>
    publish({ ...options, stores, nix: { env } }, ctx)
  ) as KedgeError;
  assertEquals(error.exitCode, 6);
  assertStringIncludes(error.message, "signature");
  const unknown = await assertRejects(() =>
    publish({ ...options, stores: ["nonsense-ng://host"] }, ctx)
  ) as KedgeError;
  assertEquals(unknown.exitCode, 6);
});

realTest("publish() proves what a command of somebody else pushed", ["nix"], async () => {
  await using world = await startNix();
  const { options, ctx } = await ground(world);
  const target = `file://${world.dir}/pushed`;
  const stores = [`exec:nix copy --to '${target}'?read=${target}`];
  const first = await publish({ ...options, stores, verify: "full" }, ctx);
  assertEquals([first.changed, first.stores[0]?.missing], [true, 2]);
  assertEquals((await publish({ ...options, stores }, ctx)).changed, false);
});

Deno.test("publish() believes no command that pushed nothing, and tells one that failed", async () => {
  await using plain = await plainGround(2);
  const read = `read=file://${plain.dir}/elsewhere`;
  const options = { ...plain.options, stores: [`exec:true?${read}`], propagationMs: 0 };
  const lied = await assertRejects(() => publish(options, plain.ctx)) as KedgeError;
  assertEquals(lied.exitCode, 6);
  assertStringIncludes(lied.message, "its narinfo is not there");
  const failing = [`exec:echo out of luck >&2; exit 3; :?${read}`];
  const failed = await assertRejects(() =>
    publish({ ...options, stores: failing }, plain.ctx)
  ) as KedgeError;
  assertEquals(failed.exitCode, 6);
  assertStringIncludes(failed.message, "it ended with code 3 (out of luck)");
});

Deno.test("publish() ends a command and its children on an abort", async () => {
  await using plain = await plainGround(1);
  const controller = new AbortController();
  const options = {
    ...plain.options,
    stores: [`exec:sleep 60 & wait; :?read=file://${plain.dir}/elsewhere`],
  };
  const started = performance.now();
  setTimeout(() => controller.abort(new Error("enough")), 300);
  await assertRejects(
    () => publish(options, { ...plain.ctx, signal: controller.signal }),
    Error,
    "enough",
  );
  assert(performance.now() - started < 4000);
});
