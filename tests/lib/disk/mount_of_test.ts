import { assert, assertEquals, assertRejects } from "@std/assert";
import { isUnreadable } from "../../../lib/disk/mount_of.ts";
import { inFolder } from "../../support/in_folder.ts";
import { realTest } from "../../support/real.ts";
import { onTerminal } from "../../support/terminal.ts";

realTest(
  "mountOf() asks nobody on a terminal whether it may look",
  ["script"],
  () =>
    inFolder(async (folder) => {
      const source = new URL("../../../lib/disk/mount_of.ts", import.meta.url).href;
      await Deno.writeTextFile(
        `${folder}/look.ts`,
        `
      import { mountOf } from ${JSON.stringify(source)};
      console.log("mount:", await mountOf(${JSON.stringify(folder)}));
    `,
      );
      const command = [Deno.execPath(), "run", `--allow-read=${folder}`, `${folder}/look.ts`];
      const ran = onTerminal("", [], { columns: 200, env: { NO_COLOR: "1" }, command });
      await ran.until(/mount: undefined|Allow\?/);
      // Whoever asks would wait for the answer.
      assert(!ran.written().includes("Allow?"), ran.written());
      assertEquals(await ran.code, 0);
    }),
);

Deno.test({
  name: "what Linux tells of a process is unreadable once the process ended",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const child = new Deno.Command("sleep", { args: ["300"], stdin: "null" }).spawn();
    using name = await Deno.open(`/proc/${child.pid}/comm`);
    child.kill("SIGKILL");
    await child.status;
    assert(isUnreadable(await assertRejects(() => name.read(new Uint8Array(16)))));
  },
});
