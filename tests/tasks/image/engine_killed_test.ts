/** What a sync that ended or was killed leaves in podman. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { findProgram } from "../../../lib/base/find_program.ts";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { randomBytes } from "../../support/layout.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { spawnKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { writeProgram } from "../../support/program_file.ts";
import { writeRunnableImage } from "../../support/runnable_image.ts";
import { files, sync } from "../../support/engine_sync.ts";

for (
  const [when, command] of [
    ["is asked for what it fetched", "*image*inspect*127.0.0.1*"],
    ["names it", "*tag*"],
  ] as const
) {
  realTest(
    `syncImage() leaves nothing in podman of an image whose bringing ends while podman ${when}`,
    ["podman", "runc", "mkfifo"],
    async () => {
      await using room = await ImageRoom.make();
      await using world = await PodmanWorld.make();
      await writeRunnableImage(room.path("from"), "v1", files);
      const fifo = room.path("fifo");
      assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
      const program = room.path("podman");
      const waiting = `case "$*" in ${command}) echo >'${fifo}'; exec sleep 300 ;; esac`;
      await writeProgram(program, `#!/bin/sh\n${waiting}\nexec podman "$@"\n`);
      const controller = new AbortController();
      const begun = Deno.readTextFile(fifo).then(() => controller.abort(new Error("enough")));
      await assertRejects(
        () =>
          syncImage({
            from: `oci:${room.path("from")}:v1`,
            to: "podman:acme.dev/app:v1",
            engines: { podman: { program, args: world.args } },
          }, { cache: new Cache(room.path("cache")), signal: controller.signal }),
        Error,
        "enough",
      );
      await begun;
      assertEquals(await world.engine.must(["images", "--all", "--quiet"], "ask"), "");
    },
  );
}

realTest(
  "syncImage() takes out of podman what a sync left there that was killed before it named that, and nothing of one that lives",
  ["podman", "runc", "mkfifo"],
  async () => {
    await using room = await ImageRoom.make();
    await using world = await PodmanWorld.make();
    await writeRunnableImage(room.path("from"), "v1", files);
    const other = [{ name: "other", bytes: randomBytes(1000, 5) }];
    await writeRunnableImage(room.path("from"), "v2", other);
    const fifo = room.path("fifo");
    assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
    const program = room.path("podman");
    const args = world.args.map((arg) => `'${arg}'`).join(" ");
    const podman = await findProgram("podman");
    const waiting = `case "$*" in *tag*) echo $$ >'${fifo}'; exec sleep 300 ;; esac`;
    await writeProgram(program, `#!/bin/sh\n${waiting}\nexec ${podman} ${args} "$@"\n`);
    const from = `oci:${room.path("from")}`;
    const killed = spawnKedge(["image:sync", `${from}:v1`, "podman:acme.dev/app:v1"], {
      cacheDir: room.path("cache"),
      env: { PATH: `${room.path("")}:${Deno.env.get("PATH")}` },
    });
    const pid = Number(await Deno.readTextFile(fifo));
    killed.kill("SIGKILL");
    await killed.output();
    Deno.kill(pid, "SIGKILL");
    const names = async () => {
      const said = await world.engine.must(["images", "--format={{.Repository}}"], "ask");
      return said.split("\n").filter(Boolean).sort();
    };
    const [left, ...more] = await names();
    assertEquals([more, left?.startsWith("127.0.0.1:")], [[], true]);

    const live = `127.0.0.1:1/kedge/${formatIdentity(ownIdentity())}/${crypto.randomUUID()}`;
    const engines = { podman: { args: world.args } };
    await sync(room, { from: `${from}:v2`, to: "podman:acme.dev/other:v2", engines });
    await world.engine.must(["tag", "acme.dev/other:v2", live], "name");
    assertEquals(await names(), [live, "acme.dev/other"]);
    await sync(room, { from: `${from}:v2`, to: "podman:acme.dev/another:v2", engines });
    assertEquals(await names(), [live, "acme.dev/another", "acme.dev/other"]);
  },
);
