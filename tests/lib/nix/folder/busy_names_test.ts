import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { lockFile } from "../../../../lib/base/file_lock.ts";
import { busyNames } from "../../../../lib/nix/folder/busy_names.ts";
import { NixFolder } from "../../../../lib/nix/folder/nix_folder.ts";
import { inNixFolder } from "../../../support/nix_folder.ts";
import { writeProgram } from "../../../support/program_file.ts";
import { realTest } from "../../../support/real.ts";
import { removeTree } from "../../../support/remove_tree.ts";

const baseName = `${"0".repeat(32)}-busy`;

/** A program of this machine that has gone into a folder by a script. */
async function atWork(
  script: string,
  cwd: string,
  env: Record<string, string> = {},
): Promise<AsyncDisposable> {
  const child = new Deno.Command("sh", {
    args: ["-c", `${script} && echo up && read line`],
    cwd,
    env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  assert(!done, "it did not start");
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}

Deno.test("busyNames() passes over what Nix processes that are gone have named, once that is a day ago", async () => {
  await inNixFolder(async (folder) => {
    const temporary = join(folder.state, "temproots");
    await Deno.mkdir(temporary, { recursive: true });
    const day = 24 * 60 * 60;
    const ages = { new: 0, recent: day - 60, old: day + 60, held: day + 60, shared: 9 * day };
    const named = (name: string) => `${"1".repeat(32)}-${name}`;
    for (const [name, age] of Object.entries(ages)) {
      const path = join(temporary, name);
      await Deno.writeTextFile(path, `/nix/store/${named(name)}\0`);
      const seconds = Date.now() / 1000 - age;
      await Deno.utime(path, seconds, seconds);
    }
    // As a Nix holds it as long as it lives.
    using _held = await lockFile(join(temporary, "held"));
    using _shared = await lockFile(join(temporary, "shared"), { shared: true });
    const found = (await busyNames(folder)).filter((name) => name.startsWith("1111"));
    assertEquals(found.sort(), ["held", "new", "recent", "shared"].map(named));
  });
});

realTest(
  "busyNames() passes over what programs name of this machine's own store",
  ["nix"],
  async () => {
    await inNixFolder(async (folder, other) => {
      const [own, within] = [`${"2".repeat(32)}-own`, `${"3".repeat(32)}-within`];
      await Deno.mkdir(folder.pathOf(within), { recursive: true });
      await Deno.mkdir("/nix/store", { recursive: true }); // As the first use of Nix makes it.
      const env = { TOOLS: `/nix/store/${own}/bin:${folder.pathOf(within)}/bin` };
      await using _program = await atWork("true", other, env);
      const names = await busyNames(folder);
      assertEquals([own, within].map((name) => names.includes(name)), [false, true]);
      // Where this machine's own store is what is asked about, they count.
      assert((await busyNames(new NixFolder("/nix"))).includes(own));
      await removeTree(folder.store);
      await Deno.symlink("/nix/store", folder.store);
      assert((await busyNames(folder)).includes(own));
    });
  },
);

Deno.test({
  name: "busyNames() counts what programs use by the name that the folder has on this machine",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inNixFolder(async (_folder, other) => {
      // As engines name the folders of volumes.
      const volume = join(other, "volume (1)", "_data");
      const named = (at: number) => `${String(at).repeat(32)}-used`;
      const folder = new NixFolder(volume);
      for (const at of [4, 5, 6]) await Deno.mkdir(folder.pathOf(named(at)), { recursive: true });
      await Deno.symlink(volume, join(other, "link"));
      const env = { TOOLS: `/bin:${join(other, "link", "store", named(4), "bin")}` };
      const script = `exec 3<'${folder.pathOf(named(5))}'`;
      await using _program = await atWork(script, folder.pathOf(named(6)), env);
      for (const asked of [folder, new NixFolder(join(other, "link"))]) {
        const names = await busyNames(asked);
        assertEquals([4, 5, 6].map((at) => names.includes(named(at))), [
          asked !== folder,
          true,
          true,
        ]);
      }
    }),
});

realTest("busyNames() counts what programs name whose root shows the folder as /nix", [
  "nix",
  "unshare",
  "mount",
], async () => {
  await inNixFolder(async (folder, other) => {
    await Deno.mkdir(folder.pathOf(baseName), { recursive: true });
    const program = join(other, "program");
    const use =
      `mkdir -p /nix && mount --bind "$0" /nix && cd /nix/store/${baseName} && echo up && read line`;
    await writeProgram(program, `#!/bin/sh\nexec unshare -rm sh -c '${use}' '${folder.path}'\n`);
    await using _program = await atWork(`exec '${program}'`, other);
    assert((await busyNames(folder)).includes(baseName));
  });
});

realTest("busyNames() counts what programs name whose /nix/store cannot be looked at", [
  "nix",
  "unshare",
  "mount",
], async () => {
  await inNixFolder(async (folder, other) => {
    const asked = new NixFolder(join(other, "nix"));
    await Deno.mkdir(asked.store, { recursive: true });
    await Deno.symlink("store", folder.store);
    const program = join(other, "program");
    const use = `mkdir -p /nix && mount --bind "$0" /nix && echo up && read line`;
    await writeProgram(program, `#!/bin/sh\nexec unshare -rm sh -c '${use}' '${folder.path}'\n`);
    await using _program = await atWork(`exec '${program}'`, other, {
      TOOLS: `/nix/store/${baseName}/bin`,
    });
    assert((await busyNames(asked)).includes(baseName));
  });
});

for (
  const [what, isFound, script] of [
    [
      "finds what a program works in where its name is not UTF-8",
      true,
      "cd \"$(printf 'b\\377')\"",
    ],
    [
      "goes past a program in a folder whose name is too long to be told",
      false,
      'n=$(printf %0200d 0); for i in $(seq 25); do mkdir "$n" && cd -P "$n" || exit; done',
    ],
  ] as const
) {
  Deno.test({
    name: `busyNames() ${what}`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const folder = await Deno.makeTempDir();
      try {
        const store = join(folder, "nix/store", baseName);
        await Deno.mkdir(store, { recursive: true });
        const made = new Deno.Command("sh", {
          args: ["-c", "mkdir \"$(printf 'b\\377')\""],
          cwd: store,
        });
        assert((await made.output()).success);
        await using _program = await atWork(script, store);
        const names = await busyNames(new NixFolder(folder));
        assert(!isFound || names.includes(baseName));
      } finally {
        await removeTree(folder);
      }
    },
  });
}
