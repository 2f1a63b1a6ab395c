/** What the disk tasks say where this user may not read or write a file, and what they leave there. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { runUnasked } from "../../support/run_unasked.ts";

const data = noise(300_000);

/** A disk in a layout, and a folder of files that this user cannot change at will. */
function deniedTest(
  name: string,
  test: (of: {
    world: DiskWorld;
    reference: string;
    refused: (args: string[], state: string) => Promise<void>;
  }) => Promise<void>,
  needs: readonly string[] = [],
): void {
  realTest(name, [...needs, "bound"], async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
    await Deno.mkdir(world.path("here"));
    await test({
      world,
      reference,
      refused: async (args, state) => {
        const run = await runKedge(args, { cacheDir: world.path("cache"), bound: true });
        assertEquals(run.code, 5, run.stderr);
        assertStringIncludes(run.stderr, `error: ${state}: Permission denied (os error 13): `);
        assertStringIncludes(run.stderr, "hint: run it as a user who may");
      },
    });
  });
}

deniedTest(
  "disk:pull says which folder it may not write to",
  async ({ world, reference, refused }) => {
    const out = world.path("here/out");
    await Deno.chmod(world.path("here"), 0o555);
    await refused(["disk:pull", reference, out], `Cannot pull "${reference}" to "${out}"`);
    await Deno.chmod(world.path("here"), 0o000);
    await refused(["disk:pull", reference, out], `Cannot pull "${reference}" to "${out}"`);
    await Deno.chmod(world.path("here"), 0o755);
  },
);

deniedTest(
  "disk:pull --in-place leaves nothing beside a file that it may not write",
  async (of) => {
    const { world, reference, refused } = of;
    const out = await world.write("here/out", data.toReversed());
    await Deno.chmod(out, 0o444);
    const args = ["disk:pull", "--in-place", reference, out];
    await refused(args, `Cannot pull "${reference}" to "${out}"`);
    const names = (await Array.fromAsync(Deno.readDir(world.path("here")))).map(({ name }) => name);
    assertEquals(names, ["out"]);
  },
);

deniedTest("disk:push and disk:verify say which file they may not read", async (of) => {
  const { world, reference, refused } = of;
  const file = await world.write("here/file", data);
  await Deno.chmod(file, 0o000);
  await refused(["disk:push", file, reference], `Cannot push "${file}" to "${reference}"`);
  await refused(["disk:verify", reference, file], `Cannot verify "${file}"`);
});

deniedTest("disk:pull does without a file that another user pulled with this cache", async (of) => {
  const { world, reference } = of;
  const secret = await world.write("here/secret", new Uint8Array(0));
  await Deno.chmod(secret, 0o600);
  await Deno.chown(secret, 1234, 1234);
  const options = { cacheDir: world.path("cache") };
  const first = await runKedge(["disk:pull", "--in-place", reference, secret], options);
  assertEquals(first.code, 0, first.stderr);
  const args = ["disk:pull", reference, world.path("here/out")];
  for (const more of [["--dry-run"], []]) {
    const { code, stderr } = await runKedge([...args, ...more], { ...options, bound: true });
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, "5 of 5 chunks");
    assert(!stderr.includes("changed meanwhile"), stderr);
  }
}, ["root"]);

realTest("disk:pull asks on a terminal for no permission only to see how much room there is", [
  "script",
], async () => {
  await using world = await DiskWorld.make();
  const [out, store, cache] = ["out", "store", "pulled"].map((name) => world.path(name));
  const reference = `oci:${store}:1`;
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  const { code, written } = await runUnasked(
    ["disk:pull", "--cache-dir", cache!, reference, out!],
    { folder: world.path("none"), files: [world.path(".")] },
  );
  assertEquals(code, 0, written);
});
