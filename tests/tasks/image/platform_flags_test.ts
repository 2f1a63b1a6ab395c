import { assertEquals } from "@std/assert";
import { ImageRoom } from "../../support/image_room.ts";
import { runKedge } from "../../support/program.ts";

Deno.test("image:sync names both flags where some platforms and all of them are asked for", async () => {
  await using room = await ImageRoom.make();
  const all = [`oci:${room.path("from")}:v1`, `oci:${room.path("to")}:v1`, "--all-platforms"];
  for (
    const [platforms, words] of [
      [["linux/amd64"], 'the platform "linux/amd64"'],
      [["linux/amd64", "linux/arm64"], 'the platforms "linux/amd64" and "linux/arm64"'],
    ] as const
  ) {
    const flags = platforms.map((each) => `--platform=${each}`);
    const { code, stderr } = await runKedge(["image:sync", ...all, ...flags], {
      cacheDir: room.path("cache"),
    });
    assertEquals(code, 2, stderr);
    assertEquals(
      stderr.slice(stderr.indexOf("error: ")),
      `error: Cannot use --all-platforms together with ${words} of --platform\n` +
        "hint: leave out one of the two\n",
    );
  }
});
