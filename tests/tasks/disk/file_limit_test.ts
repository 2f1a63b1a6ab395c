import { assertEquals } from "@std/assert";
import { pushDisk } from "../../../tasks/disk/disk.ts";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";

Deno.test({
  name: "disk:pull names the file that is too large for where it is written",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const file = await world.write("disk", new Uint8Array(20_000_000));
    const { digest } = await pushDisk({ file, reference }, world.machine());
    const out = world.path("out");
    const { code, stderr } = await runKedge(["disk:pull", reference, out], {
      cacheDir: world.path("cache"),
      fileBlocks: 20_000,
    });
    const error = stderr.split("\n").find((line) => line.startsWith("error: "));
    const state = "the file is too large for its file system, or for a limit of this process";
    const written = world.path(`.out.${digest!.slice("sha256:".length)}.kedge-partial`);
    assertEquals([code, error], [1, `error: Cannot write to "${written}": ${state}`]);
    assertEquals((await world.names()).includes("out"), false);
  },
});
