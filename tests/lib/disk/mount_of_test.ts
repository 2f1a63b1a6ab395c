import { assert, assertRejects } from "@std/assert";
import { isUnreadable } from "../../../lib/disk/mount_of.ts";

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
