import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { lookAtDiskFile } from "../../../lib/disk/disk_file.ts";
import { DiskWorld } from "../../support/disk_world.ts";

Deno.test("lookAtDiskFile() follows a link as the file system does, where it leads up out of another link", async () => {
  await using world = await DiskWorld.make();
  await Deno.mkdir(world.path("volume/deep"), { recursive: true });
  await Deno.symlink("volume/deep", world.path("short"));
  await Deno.symlink("short/../vm.img", world.path("link"));
  const there = `${await Deno.realPath(world.path("volume"))}/vm.img`;
  assertEquals((await lookAtDiskFile(world.path("link"))).path, there);
  await Deno.writeTextFile(world.path("link"), "");
  assertEquals((await lookAtDiskFile(world.path("link"))).path, there);
});

Deno.test("lookAtDiskFile() refuses a path through a file by name", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("file", new Uint8Array(1));
  const error = await assertRejects(() => lookAtDiskFile(`${file}/vm.img`), UsageError);
  assertEquals(
    error.message,
    `Cannot write the disk "${file}/vm.img": the folder "${file}" is not there`,
  );
});

Deno.test("lookAtDiskFile() takes no path that ends as that of a folder for a file, be anything there or not", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("file", new Uint8Array(1));
  for (const given of [`${world.path("nothing")}/`, `${file}/`]) {
    const error = await assertRejects(() => lookAtDiskFile(given), UsageError);
    assertEquals(
      error.message,
      `Cannot write the disk "${given}": it ends as the path of a folder does`,
    );
  }
});

Deno.test("lookAtDiskFile() says of links that lead in a circle that they do", async () => {
  await using world = await DiskWorld.make();
  await Deno.symlink("b", world.path("a"));
  await Deno.symlink("a", world.path("b"));
  const given = world.path("a");
  const error = await assertRejects(() => lookAtDiskFile(given), UsageError);
  assertEquals(error.message, `Cannot write the disk "${given}": its symbolic links form a loop`);
  assertEquals(error.hint, "name the file itself");
});
