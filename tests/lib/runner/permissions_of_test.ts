import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { UsageError } from "../../../lib/base/errors.ts";
import { permissionsOf } from "../../../lib/runner/permissions_of.ts";
import { task } from "../../../lib/runner/task.ts";
import type { PermissionSet } from "../../../lib/runner/permission_set.ts";
import { inFolder } from "../../support/in_folder.ts";

/** A task as `deno run` takes it, which checks no types. */
function taskWith(permissions: unknown) {
  return task({
    name: "a",
    description: "Do nothing",
    permissions: permissions as PermissionSet,
    run() {},
  });
}

Deno.test("permissionsOf() refuses what a function gives as permissions and deno.json does not take", () => {
  for (
    const [given, state, hint] of [
      [{ nett: true }, 'its permissions have no option "nett"', "did you mean net?"],
      [
        { run: ["nix", 5] },
        'the "run" of its permissions must be true, false or a list of texts',
        undefined,
      ],
      ["all", "its permissions must be an object", undefined],
      [undefined, "it does not say them", "give its declaration `permissions`"],
    ] as const
  ) {
    const error = assertThrows(() => permissionsOf(taskWith(() => given), "/cache"), UsageError);
    assertEquals(error.message, `Cannot tell the permissions of "a": ${state}`);
    assertEquals(error.hint, hint);
  }
});

Deno.test("permissionsOf() joins what a function gives with what the runner uses", () => {
  const { net, write } = permissionsOf(taskWith(() => ({ net: ["acme.dev"] })), "/cache");
  assertEquals({ net, write }, { net: ["acme.dev"], write: ["/cache"] });
});

Deno.test("permissionsOf() gives native libraries and modules from elsewhere as Deno takes them", () =>
  inFolder(async (folder) => {
    const { ffi, import: hosts } = permissionsOf(
      taskWith(() => ({ ffi: ["/lib/acme.so"], import: ["acme.dev"] })),
      "/cache",
    );
    assertEquals({ ffi, hosts }, { ffi: ["/lib/acme.so"], hosts: ["acme.dev"] });
    const config = join(folder, "deno.json");
    await Deno.writeTextFile(
      config,
      JSON.stringify({ permissions: { a: { ffi, import: hosts } } }),
    );
    const program = join(folder, "asking.ts");
    await Deno.writeTextFile(
      program,
      `const asked = [{ name: "ffi", path: "/lib/acme.so" }, { name: "ffi", path: "/lib/other.so" },
         { name: "import", host: "acme.dev" }, { name: "import", host: "acme.org" }] as const;
       for (const each of asked) console.log((await Deno.permissions.query(each)).state);`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "-P=a", "--config", config, program],
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout).trim().split("\n"),
      ["granted", "prompt", "granted", "prompt"],
    );
  }));
