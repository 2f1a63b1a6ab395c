/** What a program in a container uses of a carried store stays there. */
import { assertEquals } from "@std/assert";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { busyboxLayer } from "../../support/busybox.ts";
import { carryPrograms, CarryRoom, ownVersion } from "../../support/carry_room.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { validWithNix } from "../../support/nix_store_image.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { realTest } from "../../support/real.ts";

const programs = [...carryPrograms, "podman", "runc", "busybox"];

realTest("pruneStore() leaves what a program in a container uses", programs, async (t) => {
  await using room = await CarryRoom.make();
  await using world = await PodmanWorld.make();
  const { context, repository, registry, nix } = room;
  const version = ownVersion();
  await room.carry(await room.image(version));
  await room.carry(await room.image("2.8.1"));
  const old = (await validWithNix(nix.uri)).find((path) => path.endsWith(`-${version}`))!;
  const layers = [await busyboxLayer(room.folder)];
  await pushNixImage(room.folder, registry.host, "2.9.0", [{ label: "2.9.0", layers }]);
  const base = await baseImage({ repository, nixVersion: "2.9.0" }, context);
  const pathsToPrune = async () =>
    (await pruneStore({ in: { folder: nix.path }, keep: 0 }, { ...context, dryRun: true })).paths;
  assertEquals(await pathsToPrune(), 1);
  for (
    const [use, { env = {}, before = "true" }] of Object.entries<
      { env?: Record<string, string>; before?: string }
    >({
      "has in its environment": { env: { TOOLS: `/bin:${old}/bin` } },
      "works in": { before: `cd ${old}/etc` },
      "has open": { before: `exec 3<${old}/bin/nix` },
    })
  ) {
    await t.step(`what it ${use} stays`, async () => {
      const input = new TransformStream<Uint8Array<ArrayBuffer>>();
      const begun = Promise.withResolvers<void>();
      const running = inContainer({
        base,
        engine: world.options,
        mounts: [{ folder: nix.path, to: "/nix" }],
        env,
        run: ["sh", "-c", `${before} && echo begun && read line`],
        stdin: input.readable,
        onStdout: () => begun.resolve(),
      }, context);
      await Promise.race([begun.promise, running]);
      const paths = await pathsToPrune();
      const writer = input.writable.getWriter();
      await writer.write(new TextEncoder().encode("\n"));
      await writer.close();
      await running;
      assertEquals([paths, await pathsToPrune()], [0, 1]);
    });
  }
});
