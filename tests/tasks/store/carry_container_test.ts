import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import {
  KedgeError,
  NotAllowedError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { folderNames } from "../../../lib/base/files.ts";
import type { ContainerEngineOptions } from "../../../lib/container/container_engine.ts";
import { findImage } from "../../../lib/container/engine_image.ts";
import { inspectVolume } from "../../../lib/container/engine_volume.ts";
import { localNixVersion } from "../../../lib/nix/program/local_nix_version.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { carryStore } from "../../../tasks/store/store.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { debianNixLayer, debianPrograms } from "../../support/debian_nix.ts";
import { HiddenPodman, hidingPrograms } from "../../support/hidden_podman.ts";
import { tarOf, validWithNix, verifyWithNix } from "../../support/nix_store_image.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { runKedge } from "../../support/program.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";

const engines = ["podman", "runc"];

/** A podman that writes down every command that it is given. */
async function logged(
  world: PodmanWorld,
): Promise<{ engine: ContainerEngineOptions; commands: () => Promise<string[]> }> {
  const program = join(world.folder, "podman");
  const log = join(world.folder, "commands");
  await writeProgram(program, `#!/bin/sh\necho "$@" >>'${log}'\nexec podman "$@"\n`);
  await Deno.writeTextFile(log, "");
  const prefix = `${world.args.join(" ")} `;
  return {
    engine: { kind: "podman", program, ...world.options },
    async commands() {
      const lines = (await Deno.readTextFile(log)).trim().split("\n").filter((line) => line !== "");
      await Deno.writeTextFile(log, "");
      return lines.map((line) => line.replace(prefix, ""));
    },
  };
}

realTest(
  "a real Nix in a container lives from the carried store",
  [...carryPrograms, ...debianPrograms, ...engines],
  async (t) => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    const { engine, commands } = await logged(world);
    const { context, repository } = room;
    const { release } = await localNixVersion();
    const debian = await debianNixLayer();
    // As official images: the system below, the store above it.
    const { root } = await room.store(release!);
    await room.image(release!, [debian, await tarOf(root, ["nix"])]);
    await room.image("2.99.0");
    const to = { volume: "nix" };
    const mounts = [{ volume: "nix", to: "/nix" }];
    const env = { NIX_CONFIG: "sandbox = false\nbuild-users-group =\nsubstituters =" };
    const base = await baseImage({ repository }, context);
    const nix = async (...run: string[]) =>
      (await inContainer({ base, engine, mounts, env, run }, context)).stdout.trim();
    let built = "";

    await t.step("the volume is filled without any container", async () => {
      const done = await carryStore({ base, to, engine }, context);
      assertEquals([done.pathsMoved, done.paths], [3, 3]);
      assertEquals(await commands(), [
        "volume inspect nix",
        "volume inspect nix",
        "volume create nix",
        "volume inspect nix",
      ]);
      assertEquals(
        await findImage(world.engine, [base.configDigest, base.manifestDigest]),
        undefined,
      );
      await verifyWithNix(new NixFolder(done.folder!).uri);
    });
    await t.step("later runs do not even ask the engine", async () => {
      const again = await carryStore({ base, to, engine }, context);
      assertEquals([again.changed, again.requests, await commands()], [false, 0, []]);
    });
    await t.step("the Nix in it is exactly the local one, and builds", async () => {
      const expression = 'derivation { name = "built"; system = builtins.currentSystem; ' +
        'builder = "/bin/sh"; args = [ "-c" "echo built >$out" ]; }';
      const script = 'nix --version && nix-build --no-out-link --expr "$0"';
      const [version, path] = (await nix("sh", "-c", script, expression)).split("\n");
      const { stdout } = await new Deno.Command("nix", { args: ["--version"] }).output();
      assertEquals(version, new TextDecoder().decode(stdout).trim());
      built = path!;
    });
    await t.step("a path that was built in one run is there in the next", async () => {
      const script = 'cat "$0" && nix-store --verify --check-contents';
      assertEquals(await nix("sh", "-c", script, built), "built");
    });
    await t.step("another version comes beside it", async () => {
      const other = await baseImage({ repository, nixVersion: "2.99.0" }, context);
      const done = await carryStore({ base: other, to, engine }, context);
      assertEquals(done.pathsMoved, 1);
      const { uri } = new NixFolder(done.folder!);
      await verifyWithNix(uri);
      assertEquals((await validWithNix(uri)).includes(built), true);
    });
    await t.step("a volume that was removed is filled anew", async () => {
      await world.engine.must(["volume", "rm", "nix"], "remove the volume");
      const done = await carryStore({ base, to, engine }, context);
      assertEquals(done.pathsMoved, 3);
      assertEquals((await inspectVolume(world.engine, "nix"))?.folder, done.folder);
    });
  },
);

realTest(
  "carryStore() says why an engine is of no use",
  [...carryPrograms, ...engines, "setpriv"],
  async () => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    const base = await room.image("2.8.0");
    const to = { volume: "nix" };
    const carry = async (engine: ContainerEngineOptions) =>
      await carryStore({ base, to, engine }, room.context);
    const { folder } = await carry(world.options);
    const { uri } = new NixFolder(folder!);
    const before = await validWithNix(uri);

    await assertRejects(
      () => carry({ program: "/nowhere/podman" }),
      UsageError,
      "it is not installed",
    );
    const remote = ["--remote", `--url=unix://${join(world.folder, "none.sock")}`];
    const silent = await assertRejects(() => carry({ kind: "podman", args: remote }), KedgeError);
    assertEquals(silent.hint, "start podman's service first");
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "podman", ...world.args];
    const refused = await assertRejects(
      () => carry({ kind: "podman", program: "setpriv", args: nobody }),
      NotAllowedError,
    );
    assertStringIncludes(refused.message, 'Cannot look for the volume "nix"');
    assertEquals(await validWithNix(uri), before);
  },
);

realTest(
  "carryStore() says what to do where the engine's volumes are not on this machine",
  [...carryPrograms, ...engines, ...hidingPrograms],
  async () => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    const base = await room.image("2.8.0");
    await using hidden = await HiddenPodman.make(world);
    const { engine } = hidden;
    const error = await assertRejects(
      () => carryStore({ base, to: { volume: "nix" }, engine }, room.context),
      NotAllowedError,
    );
    assertStringIncludes(error.message, 'Cannot use the volume "nix": its files are in');
    assertStringIncludes(error.message, "which is not on this machine");
    assertStringIncludes(error.hint ?? "", "name a folder of this machine instead (--folder)");
  },
);

realTest(
  "carryStore() fills the folder that a volume is bound to, and no volume that is mounted later",
  [...carryPrograms, ...engines, "root"],
  async () => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    const base = await room.image("2.8.0");
    const carry = async (volume: string) =>
      await carryStore({ base, to: { volume }, engine: world.options }, room.context);
    const make = async (volume: string, ...options: string[]) => {
      const flags = options.map((option) => `--opt=${option}`);
      await world.engine.must(["volume", "create", ...flags, volume], "make a volume");
    };
    const device = join(world.folder, "bound");
    await Deno.mkdir(device);
    await make("bound", "type=none", "o=bind", `device=${device}`);
    const done = await carry("bound");
    assertEquals([done.folder, done.pathsMoved], [device, 3]);
    await verifyWithNix(new NixFolder(device).uri);
    // What a container has as that volume is what was filled.
    const seen = (await world.engine.must(["volume", "mount", "bound"], "mount it")).trim();
    const names = await folderNames(join(seen, "store"));
    await world.engine.must(["volume", "unmount", "bound"], "unmount it");
    assertEquals(names, await folderNames(join(device, "store")));
    assertEquals((await carry("bound")).changed, false);
    await make("typed", "type=bind", `device=${device}`);
    assertEquals((await carry("typed")).folder, device);

    await make("memory", "type=tmpfs", "device=tmpfs");
    const error = await assertRejects(() => carry("memory"), KedgeError);
    assertEquals(
      error.message,
      'Cannot use the volume "memory": podman mounts "tmpfs" (tmpfs) for it only while a container has it',
    );
    assertStringIncludes(error.hint ?? "", "--folder");
    const { folder } = (await inspectVolume(world.engine, "memory"))!;
    assertEquals(await folderNames(folder), []);
  },
);

realTest(
  "base-image:carry says what to do where it may not look into the engine's volumes",
  [...carryPrograms, ...engines],
  async () => {
    await using room = await CarryRoom.make();
    await using world = await PodmanWorld.make();
    await room.image("2.8.0");
    const args = ["base-image:carry", "--nix-version=2.8.0", `--repository=${room.repository}`];
    args.push("--volume=nix", "--engine=podman");
    const engine = world.args.map((each) => `--engine-arg=${each}`);
    const options = { cacheDir: join(room.folder, "cache"), denyRead: world.folder };
    const { code, stderr } = await runKedge([...args, ...engine], options);
    assertEquals(code, 5, stderr);
    const { folder } = (await inspectVolume(world.engine, "nix"))!;
    assertStringIncludes(
      stderr,
      `error: Cannot use the volume "nix": its files are in "${folder}", which this process may not look into\n`,
    );
    assertStringIncludes(
      stderr,
      "\nhint: run as the user who owns the engine's volumes, or name a folder instead (--folder)\n",
    );
    assertEquals(await folderNames(folder), []);
  },
);

realTest("an image whose label and tag disagree is never carried", carryPrograms, async () => {
  await using room = await CarryRoom.make();
  await room.image("2.8.0");
  await assertRejects(() => room.image("2.8.1", undefined, { label: "2.8.0" }), VerificationError);
});
