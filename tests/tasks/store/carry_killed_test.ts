/** What a carry or an import that was killed at an odd moment leaves is made right by the next one. */
import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

const cli = fromFileUrl(new URL("../../../tasks/builtin/cli.ts", import.meta.url));

/** The built-in program, which kills itself as soon as it has given a store path its name. */
async function killedWhenPlaced({ folder, nix }: CarryRoom): Promise<string> {
  const program = join(folder, "killed.ts");
  await Deno.writeTextFile(
    program,
    `import { kedge } from ${JSON.stringify(cli)};
    const rename = Deno.renameSync;
    Deno.renameSync = (from, to) => {
      rename(from, to);
      const folder = Deno.realPathSync(String(to).replace(/\\/[^/]*$/, ""));
      if (folder === ${JSON.stringify(nix.store)}) Deno.kill(Deno.pid, "SIGKILL");
    };
    await kedge();`,
  );
  return program;
}

/** The permission bits of what lies in a store. */
async function modesIn({ store }: NixFolder): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", {
    args: [store, "-mindepth", "1", "-not", "-type", "l", "-printf", "%y%m\n"],
  }).output();
  return [...new Set(new TextDecoder().decode(stdout).trim().split("\n"))].sort();
}

realTest(
  "a path that a killed run had not yet made read-only is that after the next one",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    const base = await room.image("2.8.0");
    const program = await killedWhenPlaced(room);
    const cacheDir = join(room.folder, "cache");
    const kedge = (args: string[]) => runKedge(args, { cacheDir, program });
    const image = ["--nix-version=2.8.0", `--repository=${room.repository}`];
    assertEquals(
      (await kedge(["base-image:carry", ...image, `--folder=${room.nix.path}`])).code,
      137,
    );
    assertEquals((await modesIn(room.nix)).includes("d755"), true);
    await room.carry(base);
    assertEquals(await modesIn(room.nix), ["d555", "f444", "f555"]);
    assertEquals((await validWithNix(room.nix.uri)).length, 3);
    await verifyWithNix(room.nix.uri);
  },
);
