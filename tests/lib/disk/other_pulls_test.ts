/** Pulls of one process that know nothing of each other, on systems that do not tell who has a file locked. @module */
import { assertEquals } from "@std/assert";
import { DiskWorld } from "../../support/disk_world.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const module = new URL("../../../lib/disk/other_pulls.ts", import.meta.url).href;

/** Locks a file of each mode, and tells whether it is taken for one that is pulled while it is locked, and after that. */
const program = `
import { isPulled } from ${JSON.stringify(module)};
const told = [];
for (const mode of [0o600, 0o444, 0o200]) {
  const path = Deno.args[0] + "." + mode;
  Deno.writeFileSync(path, new Uint8Array(3));
  const file = Deno.openSync(path, { read: true, write: true });
  file.lockSync(true);
  Deno.chmodSync(path, mode);
  told.push(await isPulled(path));
  file.unlockSync();
  told.push(await isPulled(path));
}
console.log(told.join(" "));
`;

realTest(
  "isPulled() knows a file that this very process has locked, whatever its user may do with it",
  ["bound"],
  async () => {
    await using world = await DiskWorld.make();
    const path = await world.write("program.ts", new TextEncoder().encode(program));
    const { code, stdout, stderr } = await runKedge([world.path("out")], {
      cacheDir: world.path("cache"),
      program: path,
      bound: true,
    });
    assertEquals(code, 0, stderr);
    assertEquals(stdout, "true false true false true false\n");
  },
);
