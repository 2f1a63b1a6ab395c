/** Exports to servers, and imports from them, on the command line. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { CopyStoreResult } from "../../../tasks/store/copy_store.ts";
import { startDavCache } from "../../support/binary_cache.ts";
import { carryPrograms } from "../../support/carry_room.ts";
import { validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { s3Keys, startS3 } from "../../support/s3.ts";
import { realTest } from "../../support/real.ts";
import { Ends } from "../../support/store_ends.ts";

realTest(
  "base-image:export and base-image:import speak to a server",
  [...carryPrograms, "nginx"],
  async () => {
    await using ends = await Ends.make();
    await using server = await startDavCache();
    const cacheDir = join(ends.room.folder, "cache");
    const url = server.nginx.url;
    const shell = ends.of("shell");
    const out = await runKedge(
      ["base-image:export", shell, `--folder=${ends.room.nix.path}`, `--to=${url}`],
      { cacheDir },
    );
    assertEquals([out.code, out.stdout.trim().split("\n").sort()], [
      0,
      [ends.of("libc"), shell].sort(),
    ], out.stderr);
    const into = await runKedge(
      ["base-image:import", shell, `--folder=${ends.second.path}`, `--from=${url}`, "--json"],
      { cacheDir },
    );
    assertEquals(into.code, 0, into.stderr);
    assertEquals(JSON.parse(into.stdout.trim().split("\n").at(-1)!).value.pathsMoved, 2);
    await verifyWithNix(ends.second.uri);
  },
);

realTest("base-image:export and base-image:import speak to S3", carryPrograms, async () => {
  await using ends = await Ends.make();
  await using s3 = await startS3();
  const cacheDir = join(ends.room.folder, "cache");
  const url = `s3://kedge/nix/cache?endpoint=${s3.endpoint}`;
  const nix = ends.of("nix-2.8.0");
  const kedge = async (
    args: readonly string[],
    secret = s3Keys.secretAccessKey,
  ): Promise<{ code: number; value: CopyStoreResult; stderr: string }> => {
    const env = { AWS_ACCESS_KEY_ID: s3Keys.accessKeyId, AWS_SECRET_ACCESS_KEY: secret };
    const { code, stdout, stderr } = await runKedge([...args, "--json"], { cacheDir, env });
    return { code, value: JSON.parse(stdout.trim().split("\n").at(-1)!).value, stderr };
  };
  const out = ["base-image:export", nix, `--folder=${ends.room.nix.path}`, `--to=${url}`];
  const into = ["base-image:import", nix, `--folder=${ends.second.path}`, `--from=${url}`];

  const planned = await kedge([...out, "--dry-run"]);
  assertEquals([planned.code, planned.value.pathsMoved], [0, 3], planned.stderr);
  assertEquals(s3.count(/^PUT /), 0);
  const first = await kedge(out);
  assertEquals([first.code, first.value.pathsMoved], [0, 3], first.stderr);
  assertEquals(s3.count(/^PUT \/kedge\/nix\/cache\/nar\//), 3);
  const puts = s3.count(/^PUT /);
  const again = await kedge(out);
  assertEquals([again.value.changed, again.value.bytesMoved], [false, 0]);
  assertEquals(s3.count(/^PUT /), puts);

  const brought = await kedge(into);
  assertEquals([brought.code, brought.value.pathsMoved], [0, 3], brought.stderr);
  await verifyWithNix(ends.second.uri);
  assertEquals(await validWithNix(ends.second.uri), ends.paths);
  const before = s3.count(/^GET .*\/nar\//);
  const idle = await kedge(into);
  assertEquals([idle.value.changed, s3.count(/^GET .*\/nar\//)], [false, before]);

  const wrong = await kedge([...out.slice(0, -1), `${out.at(-1)}&region=eu-west-1`], "WRONG");
  assertEquals([wrong.code, wrong.stderr.includes("WRONG")], [5, false], wrong.stderr);
});
