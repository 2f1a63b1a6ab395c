/** Where carryStore() reads an image that has a copy: in the copy, or where that cannot be read, in the registry. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError } from "../../../lib/base/errors.ts";
import {
  ContainerEngine,
  type ContainerEngineOptions,
} from "../../../lib/container/container_engine.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { podmanTest } from "../../support/carry_podman.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { HiddenPodman, hidingPrograms } from "../../support/hidden_podman.ts";
import { verifyWithNix } from "../../support/nix_store_image.ts";
import { startRegistry } from "../../support/registry.ts";
import { realTest } from "../../support/real.ts";

realTest("carryStore() reads a copy in another registry there", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await using mirror = await startRegistry();
  await room.image("2.8.0");
  const { repository, context } = room;
  const to = `docker://${mirror.host}/mirror/nix:base`;
  const base = await baseImage({ nixVersion: "2.8.0", repository, to }, context);
  assertEquals(base.copy, `${to}@${base.manifestDigest}`);
  await assertRejects(() => room.carry(base, {}, { offline: true }), UnreachableError);
  await room.registry.stop();
  const done = await room.carry(base);
  assertEquals([done.pathsMoved, done.layerBytes > 0, done.requests > 0], [3, true, true]);
  const reads = (await mirror.accesses())
    .filter((line) => line.startsWith(`GET /v2/mirror/nix/manifests/${base.manifestDigest}`));
  assertEquals(reads.length, 1);
  await verifyWithNix(room.nix.uri);
});

podmanTest("carryStore() reads the registry where podman has the image no more", async (ground) => {
  const { room } = ground;
  await room.image("2.8.0");
  const base = await ground.pull("2.8.0");
  await ground.podman("rmi", "nix");
  const error = await assertRejects(
    () => ground.carry(base, {}, { offline: true }),
    UnreachableError,
  );
  assertStringIncludes(error.message, `"${base.copy}": Cannot mount the image`);
  assertStringIncludes(error.message, "image not known");
  assertStringIncludes(error.message, "and no registry may be asked");
  assertStringIncludes(error.hint ?? "", "bring the image to a layout (oci:DIR:TAG) first");
  assertEquals(ground.notes, []);
  const done = await ground.carry(base);
  assertEquals([done.pathsMoved, done.layerBytes > 0], [3, true]);
  assertEquals(ground.notes.length, 1);
  assertStringIncludes(
    ground.notes[0]!,
    `reading the layers of "${base.reference}", and not "${base.copy}": Cannot mount the image`,
  );
  await verifyWithNix(room.nix.uri);
});

podmanTest(
  "carryStore() reads the registry where podman cannot be asked for the copy",
  async (ground) => {
    const { room, world } = ground;
    await room.image("2.8.0");
    const base = await ground.pull("2.8.0");
    const { configDigest: _config, ...without } = base;
    const docker = { ...base, copy: `docker-daemon:nix@${base.manifestDigest}` };
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "podman", ...world.args];
    const engines: [typeof base, ContainerEngineOptions, string][] = [
      [base, { program: "/nowhere/podman" }, "it is not installed"],
      [base, { kind: "podman", program: "setpriv", args: nobody }, "Cannot mount the image"],
      [without as typeof base, { args: world.args }, "the digest of its config is not given"],
      [docker, { args: world.args }, "docker shows nobody the files of its images"],
    ];
    for (const [at, [image, engine, why]] of engines.entries()) {
      const to = { folder: join(room.folder, `nix-${at}`) };
      const offline = await assertRejects(
        () => ground.carry(image, { engine, to }, { offline: true }),
        UnreachableError,
      );
      assertStringIncludes(offline.message, why);
      const done = await ground.carry(image, { engine, to });
      assertEquals([done.pathsMoved, done.layerBytes > 0], [3, true]);
      assertEquals(ground.notes.length, at + 1);
      assertStringIncludes(ground.notes[at]!, why);
    }
  },
);

podmanTest(
  "carryStore() reads the registry where podman's files are not on this machine",
  async (ground) => {
    const { room, world } = ground;
    await room.image("2.8.0");
    await using hidden = await HiddenPodman.make(world);
    const { engine } = hidden;
    const base = await baseImage({
      nixVersion: "2.8.0",
      repository: room.repository,
      to: "podman:nix",
      engines: { podman: engine },
    }, room.context);
    const done = await ground.carry(base, { engine });
    assertEquals([done.pathsMoved, done.layerBytes > 0], [3, true]);
    assertStringIncludes(ground.notes.join("\n"), "this machine sees no Nix database in");
    const podman = new ContainerEngine({ ...engine, kind: "podman", program: "nsenter" });
    assertEquals(await podman.must(["image", "mount"], "list what is mounted"), "");
  },
  hidingPrograms,
);

for (const kind of ["oci", "docker", "podman"] as const) {
  podmanTest(
    `a dry run of a carry out of a copy in ${kind} that is yet to be made foresees the figures`,
    async ({ room, world }) => {
      await using mirror = await startRegistry();
      await room.image("2.8.0");
      const { repository, context } = room;
      const to = {
        oci: `oci:${join(room.folder, "layout")}:nix`,
        docker: `docker://${mirror.host}/mirror/nix:base`,
        podman: "podman:nix",
      }[kind];
      const engine = { kind: "podman", args: world.args } as const;
      const carry = async (more: TaskContextOptions) => {
        const ctx = { ...context, ...more };
        const options = { nixVersion: "2.8.0", repository, to, engines: { podman: engine } };
        const base = await baseImage(options, ctx);
        const { layerBytes: _bytes, ...done } = await room.carry(base, { engine }, ctx);
        return done;
      };
      const planned = await carry({ dryRun: true });
      const done = await carry({});
      assertEquals({ ...planned, dryRun: false }, done);
      assertEquals(done.requests > 0, kind === "docker");
    },
  );
}
