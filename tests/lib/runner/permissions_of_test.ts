import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { permissionsOf } from "../../../lib/runner/permissions_of.ts";
import { task } from "../../../lib/runner/task.ts";
import type { PermissionSet } from "../../../lib/runner/permission_set.ts";

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
