/** What a pull says, before it moves anything, of a file that cannot be replaced, or cannot be written in place. @module */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { noise } from "../../support/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { mountFreshDisk } from "../../support/fresh_disk.ts";
import { runKedge } from "../../support/program.ts";
import { unmount } from "../../support/small_disk.ts";
import { twoDisks } from "../../support/two_disks.ts";
import { realTest } from "../../support/real.ts";

const data = noise(2_000_000);

/** Disks of the same data, pulled to a file that must stay as it is, with and without a dry run. */
async function refused(
  world: DiskWorld,
  references: readonly string[],
  file: string,
  expected: { code: number; error: string; hint: string; flags?: string[] },
): Promise<void> {
  const { code, error, hint, flags = [] } = expected;
  const before = await Deno.stat(file);
  for (const reference of references) {
    for (const more of [["--dry-run"], []]) {
      const run = await runKedge(["disk:pull", reference, file, ...flags, ...more], {
        cacheDir: world.path("cache"),
        bound: true,
      });
      assertStringIncludes(run.stderr, `error: ${error}\n`);
      assertStringIncludes(run.stderr, `hint: ${hint}\n`);
      assertEquals(run.code, code, run.stderr);
      assert(!run.stderr.includes("fetched"), run.stderr);
      const { ino, size } = await Deno.stat(file);
      assertEquals([ino, size], [before.ino, before.size]);
      for await (const { name } of Deno.readDir(file.slice(0, file.lastIndexOf("/")))) {
        assert(!name.includes(".kedge-"), `${name} was left behind`);
      }
    }
  }
}

/** The same of a file that may neither be replaced nor written. */
async function refusedEitherWay(
  world: DiskWorld,
  references: readonly string[],
  file: string,
  { state, hint }: { state: string; hint: string },
): Promise<void> {
  const ways = [["replace", []], ["write", ["--in-place"]]] as const;
  for (const [verb, flags] of ways) {
    const error = `Cannot ${verb} "${file}": ${state}`;
    await refused(world, references, file, { code: 5, error, hint, flags: [...flags] });
  }
}

async function must(program: string, ...args: string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(program, { args }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

realTest(
  "disk:pull does not begin where only somebody else may replace the file",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const references = await twoDisks(world, data);
    await Deno.mkdir(world.path("open"));
    const file = await world.write("open/out", data.toReversed());
    await Deno.chown(file, 1234, 1234);
    await Deno.chown(world.path("open"), 1235, 1235);
    await Deno.chmod(world.path("open"), 0o1777);
    await refused(world, references, file, {
      code: 5,
      error: `Cannot replace "${file}": it belongs to another user, in a folder where each file ` +
        `is its owner's to replace`,
      hint: "run it as the user 1234, or pull to another file",
    });
  },
);

realTest("disk:pull does not begin where the file is immutable", ["root"], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  await using disk = await mountFreshDisk(world.path("fresh"), 16_000_000);
  const file = await world.write("fresh/out", data.toReversed());
  for (const flag of ["i", "a"]) {
    await must("chattr", `+${flag}`, file);
    try {
      const hint = `take that away with chattr -ia "${file}", or pull to another file`;
      const state = "it is immutable, or may only be appended to";
      await refusedEitherWay(world, references, file, { state, hint });
    } finally {
      await must("chattr", `-${flag}`, file);
    }
  }
  assertEquals(await Deno.readFile(`${disk.dir}/out`), data.toReversed());
});

realTest(
  "disk:pull does not begin where names may only be added to the folder",
  ["root"],
  async () => {
    await using world = await DiskWorld.make();
    const references = await twoDisks(world, data);
    await using disk = await mountFreshDisk(world.path("fresh"), 16_000_000);
    const file = await world.write("fresh/out", data.toReversed());
    const next = world.path("fresh/next");
    const state = `names may only be added to the folder "${disk.dir}", and not be taken away`;
    const hint = `take that away with chattr -a "${disk.dir}", or pull to another file`;
    await must("chattr", "+a", disk.dir);
    try {
      await refused(world, references, file, {
        code: 5,
        error: `Cannot replace "${file}": ${state}`,
        hint,
      });
      const error = `Cannot write "${file}": ${state}`;
      await refused(world, references, file, { code: 5, error, hint, flags: ["--in-place"] });
      for (const reference of references) {
        const args = ["disk:pull", reference, next];
        const { code, stderr } = await runKedge(args, { cacheDir: world.path("cache") });
        assertStringIncludes(stderr, `error: Cannot make "${next}": ${state}\nhint: ${hint}\n`);
        assert(!stderr.includes("fetched"), stderr);
        assertEquals(code, 5);
      }
      const names = await Array.fromAsync(Deno.readDir(disk.dir), ({ name }) => name);
      assertEquals(names.sort(), ["lost+found", "out"]);

      // Whoever the folder belongs to, and what stands in it already.
      await must("chattr", "-a", disk.dir);
      await Deno.chown(disk.dir, 1234, 1234);
      await must("chattr", "+a", disk.dir);
      for (const reference of references) {
        for (const more of [[], [], ["--dry-run"]]) {
          const args = ["disk:pull", reference, next, ...more];
          const { code, stderr } = await runKedge(args, { cacheDir: world.path("cache") });
          assertStringIncludes(stderr, `error: Cannot make "${next}": ${state}\nhint: ${hint}\n`);
          assertEquals(code, 5);
        }
      }
    } finally {
      await must("chattr", "-a", disk.dir);
    }
  },
);

realTest("disk:pull does not begin where the folder is immutable", ["root"], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  await using disk = await mountFreshDisk(world.path("fresh"), 16_000_000);
  const file = await world.write("fresh/out", data.toReversed());
  const next = world.path("fresh/next");
  await must("chattr", "+i", disk.dir);
  try {
    const hint = `take that away with chattr -i "${disk.dir}", or pull to another file`;
    const state = `the folder "${disk.dir}" is immutable`;
    await refusedEitherWay(world, references, file, { state, hint });
    for (const reference of references) {
      for (const more of [["--dry-run"], []]) {
        const args = ["disk:pull", reference, next, ...more];
        const { code, stderr } = await runKedge(args, { cacheDir: world.path("cache") });
        assertStringIncludes(stderr, `error: Cannot make "${next}": ${state}\nhint: ${hint}\n`);
        assertEquals(code, 5);
      }
    }
  } finally {
    await must("chattr", "-i", disk.dir);
  }
});

realTest("disk:pull says what to do with a file that is mounted and so cannot be replaced", [
  "root",
], async () => {
  await using world = await DiskWorld.make();
  const references = await twoDisks(world, data);
  // Such a name is written otherwise where Linux tells what is mounted.
  const file = await world.write('a "mounted"\tout', data.subarray(0, 1000));
  await must("mount", "--bind", file, file);
  try {
    await refused(world, references, file, {
      code: 1,
      error: `Cannot replace "${file}": it is a mount point`,
      hint: "pull into it with --in-place, or end the mount",
    });
    for (const reference of references) {
      await Deno.truncate(file, 1000);
      const args = ["disk:pull", "--in-place", reference, file];
      const { code, stderr } = await runKedge(args, { cacheDir: world.path("cache") });
      assertEquals(code, 0, stderr);
      assertEquals(await Deno.readFile(file), data);
    }
  } finally {
    await unmount(file);
  }
});

Deno.test({
  name: "disk:pull --in-place does not begin where a program runs from the file",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const references = await twoDisks(world, data);
    const file = world.path("out");
    await must("cp", "/bin/sleep", file);
    const program = new Deno.Command(file, { args: ["300"], stdin: "null" }).spawn();
    try {
      await refused(world, references, file, {
        code: 1,
        error: `Cannot write "${file}": a program runs from it`,
        hint: "end the program, or pull without --in-place",
        flags: ["--in-place"],
      });
      const [reference = ""] = references;
      const args = ["disk:pull", reference, file];
      const { code, stderr } = await runKedge(args, { cacheDir: world.path("cache") });
      assertEquals(code, 0, stderr);
    } finally {
      program.kill("SIGKILL");
      await program.status;
    }
    await world.holds("out", data);
  },
});
