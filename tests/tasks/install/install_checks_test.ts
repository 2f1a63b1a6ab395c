/** What the task functions that install a host say of options that no compiler checked. */
import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { nixosAnywhere } from "../../../tasks/install/nixos_anywhere.ts";
import { stageKexec, targetArchitecture } from "../../../tasks/install/stage_kexec.ts";

for (const run of [nixosAnywhere, stageKexec, targetArchitecture]) {
  Deno.test(`${run.name}() refuses to have no options, or a target that is not a text`, async () => {
    const refusal = async (options: unknown) =>
      (await assertRejects(() => run(options as never), UsageError)).message;
    assertEquals(
      await refusal(undefined),
      "Cannot use undefined as options: they must be an object",
    );
    assertEquals(
      await refusal({ flake: ".#a", bundle: "/nowhere/bundle.tar.gz", target: 4 }),
      "Cannot use 4 as target: it must be a text",
    );
  });
}
