/** Who may read a carried store does not hang on who may read what a user makes elsewhere: builders of Nix are users of their own. */
import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { carryPrograms, CarryRoom, nixPaths } from "../../support/carry_room.ts";
import { layersOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";

/** What in a store is not as Nix leaves it, and which folders on the way to store paths and profiles others may not enter. */
async function misses(nix: string): Promise<string[]> {
  const { stdout } = await new Deno.Command("find", { args: [nix, "-printf", "%y%m %P\n"] })
    .output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return lines.filter((line) => {
    const [mode = "", path = ""] = line.split(" ");
    if (mode.startsWith("l")) return false;
    if (/^var\/nix\/db\/(db\.sqlite|schema)$/.test(path)) return mode !== "f644";
    if (path.startsWith("store/")) return !["d555", "f444", "f555"].includes(mode);
    const isOnTheWay = /^(|store|var(\/nix(\/(profiles|gcroots|temproots|db)(\/.*)?)?)?)$/.test(
      path,
    );
    return isOnTheWay && mode.startsWith("d") && mode !== "d755";
  });
}

for (const size of ["small", "large"] as const) {
  realTest(`a ${size} store is for all to read, whatever the umask`, carryPrograms, async () => {
    await using room = await CarryRoom.make();
    // What is worth threads.
    const big = { name: "big", files: { data: "x".repeat(20_000_000), "bin/big": "x big" } };
    const paths = [...(size === "large" ? [big] : []), ...nixPaths("2.8.0")];
    await room.image("2.8.0", await layersOf(await room.store("2.8.0", paths)));
    const cacheDir = join(room.folder, "cache");
    const kedge = async (...args: string[]) => {
      const { code, stderr } = await runKedge(args, { cacheDir, umask: "077" });
      assertEquals(code, 0, stderr);
    };
    const nix = join(room.folder, "made", "nix");
    const image = ["--nix-version=2.8.0", `--repository=${room.repository}`];
    await kedge("base-image:carry", ...image, `--folder=${nix}`);
    assertEquals(await misses(nix), []);
    // Folders that somebody else has made stay as they are, and those above.
    assertEquals((await Deno.stat(dirname(nix))).mode! & 0o777, 0o700);
    const own = join(room.folder, "own");
    await Deno.mkdir(own, { mode: 0o750 });
    const store = `file://${join(room.folder, "binary-cache")}`;
    await kedge("base-image:export", `--folder=${nix}`, `--to=${store}`);
    const uri = `local?store=/nix/store&real=${nix}/store&state=${nix}/var/nix`;
    const [path = ""] = await validWithNix(uri);
    await kedge("base-image:import", path, `--from=${store}`, `--folder=${own}`);
    assertEquals(await misses(own), ["d750 "]);
    await verifyWithNix(uri);
  });
}

realTest(
  "what a killed run made for itself alone is for all to read after the next",
  carryPrograms,
  async () => {
    await using room = await CarryRoom.make();
    await room.image("2.8.0");
    const cacheDir = join(room.folder, "cache");
    const carryTo = async (nix: string) => {
      const image = ["--nix-version=2.8.0", `--repository=${room.repository}`];
      const args = ["base-image:carry", ...image, `--folder=${nix}`];
      const { code, stderr } = await runKedge(args, { cacheDir, umask: "077" });
      assertEquals(code, 0, stderr);
    };
    for (
      const left of [["store"], ["var"], ["var/nix", "store"], ["var/nix/db"], ["var/nix/gcroots"]]
    ) {
      const nix = join(room.folder, left.join("-").replaceAll("/", "_"));
      await Deno.mkdir(nix);
      for (const path of left) {
        await Deno.mkdir(join(nix, dirname(path)), { recursive: true });
        await Deno.mkdir(join(nix, path), { mode: 0o700 });
      }
      if (left[0] === "var/nix/db") {
        await Deno.chmod(join(nix, left[0]), 0o755);
        await Deno.writeTextFile(join(nix, left[0], "db.sqlite"), "", { mode: 0o600 });
      }
      await carryTo(nix);
      assertEquals(await misses(nix), [], left.join());
    }
    // What holds something is as somebody wants it.
    const nix = join(room.folder, "closed");
    await Deno.mkdir(join(nix, "var/nix/profiles"), { recursive: true });
    await Deno.symlink("/nix/store/mine", join(nix, "var/nix/profiles/mine"));
    await Deno.chmod(join(nix, "var/nix/profiles"), 0o700);
    await carryTo(nix);
    assertEquals(await misses(nix), ["d700 var/nix/profiles"]);
  },
);
