/** How a base image comes into podman, and under which name, before a program is run in it. */
import { gzipSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { EngineStore } from "../../../lib/container/engine_store.ts";
import { formatPlatform, machinePlatform } from "../../../lib/oci/platform.ts";
import { resolveContext } from "../../../lib/runner/context.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { ensureEngineImage } from "../../../tasks/container/base.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { busyboxLayer } from "../../support/busybox.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { PodmanWorld } from "../../support/podman.ts";
import { writeProgram } from "../../support/program_file.ts";
import { spawnKedge } from "../../support/program.ts";
import { findProgram, realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

realTest(
  "inContainer() names images of two registries, or platforms, apart",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    await using second = await startRegistry();
    const { folder, registry: first } = ground;
    const { engine } = ground.world;
    const context = resolveContext(ground.context);
    const layers = [await busyboxLayer(folder)];
    const own = machinePlatform();
    const other = { ...own, architecture: own.architecture === "amd64" ? "arm64" : "amd64" };
    const expected: string[] = [];
    for (const { host } of [first, second]) {
      const place = `${host.replace(":", "_")}/nixos/nix:2.8.0`;
      expected.push(
        `localhost/kedge/${place}`,
        `localhost/kedge/linux/${other.architecture}/${place}`,
      );
      await pushNixImage(folder, host, "2.8.0", [
        { label: "2.8.0", layers, comments: [`of ${host}`] },
        { label: "2.8.0", layers, comments: [`of ${host}`], platform: other },
      ]);
      for (const platform of [own, other]) {
        const base = await ground.base({
          repository: `${host}/nixos/nix`,
          platform: formatPlatform(platform),
        });
        await ensureEngineImage(engine, base, {}, context);
      }
    }
    const names = await engine.must(["images", "--format={{.Repository}}:{{.Tag}}"], "list");
    assertEquals(names.trim().split("\n").sort(), expected.sort());
  },
);

realTest(
  "inContainer() brings podman an image of a repository whose name is as long as registries take it",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const { host } = ground.registry;
    const context = resolveContext(ground.context);
    const room = 255 - `localhost/kedge/${host}/`.length;
    for (const length of [room, room + 1, 255 - `kedge/${host}/`.length]) {
      const long = `${"a".repeat(100)}/${"b".repeat(length - 101)}`;
      await syncImage({
        from: `docker://${ground.repository}:2.8.0`,
        to: `docker://${host}/${long}:2.8.0`,
      }, context);
      const base = await ground.base({ repository: `${host}/${long}` });
      const { engine } = ground.world;
      const { loaded, id } = await ensureEngineImage(engine, base, {}, context);
      assertEquals(loaded, true);
      await engine.must(["rmi", "--force", id], "remove it");
    }
  },
);

realTest(
  "inContainer() takes the name away under which a killed run had podman fetch the image, and none of one that lives",
  [...containerPrograms, "mkfifo"],
  async () => {
    await using ground = await ContainerGround.make();
    const { world, folder, repository, registry } = ground;
    const { engine } = world;
    const fifo = join(folder, "fifo");
    assertEquals((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success, true);
    const args = world.args.map((arg) => `'${arg}'`).join(" ");
    const waiting = `case "$*" in *tag*) echo $$ >'${fifo}'; exec sleep 300 ;; esac`;
    const podman = `exec ${findProgram("podman")} ${args} "$@"`;
    await writeProgram(join(folder, "podman"), `#!/bin/sh\n${waiting}\n${podman}\n`);
    const killed = spawnKedge(
      ["image:sync", `docker://${repository}:2.8.0`, "podman:acme/app:v1"],
      {
        cacheDir: join(folder, "other-cache"),
        env: { PATH: `${folder}:${Deno.env.get("PATH")}` },
      },
    );
    const pid = Number(await Deno.readTextFile(fifo));
    killed.kill("SIGKILL");
    await killed.output();
    Deno.kill(pid, "SIGKILL");
    const names = async () => {
      const [image] = await new EngineStore(engine).images(AbortSignal.timeout(60_000));
      return image!.names.map((name) => name.replace(/[:@][^/]*$/, ""));
    };
    const [left = "", ...more] = await names();
    assertEquals([left.startsWith("127.0.0.1:"), more], [true, []]);
    const base = await ground.base();
    const run = () =>
      inContainer({ base, engine: world.options, run: ["sh", "-c", "true"] }, ground.context);
    await run();
    const own = `localhost/kedge/${registry.host.replace(":", "_")}/nixos/nix`;
    assertEquals(new Set(await names()), new Set([own]));
    const live = left.replace(/kedge\/[^/]*/, `kedge/${formatIdentity(ownIdentity())}`);
    await engine.must(["tag", base.configDigest.slice("sha256:".length), live], "name it");
    await run();
    assertEquals(new Set(await names()), new Set([own, live]));
  },
);

realTest(
  "inContainer() brings podman the copy of an image in a layout",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const { options: engine } = ground.world;
    const base = await ground.base({ to: `oci:${join(ground.folder, "layout")}:nix` });
    await ground.registry.stop();
    const { stdout, requests } = await inContainer(
      { base, engine, run: ["sh", "-c", "echo here"] },
      { ...ground.context, offline: true },
    );
    assertEquals([stdout, requests], ["here\n", 0]);
  },
);

realTest(
  "inContainer() brings podman an image of Docker's types, as those of Docker Hub",
  [...containerPrograms, "skopeo"],
  async () => {
    await using world = await PodmanWorld.make();
    await using registry = await startRegistry();
    const { folder, options: engine } = world;
    const layers = [gzipSync(await busyboxLayer(folder))];
    await pushNixImage(folder, registry.host, "2.8.0", [{ label: "2.8.0", layers }]);
    const repository = `${registry.host}/docker/nix`;
    const { success } = await new Deno.Command("skopeo", {
      args: [
        ...["copy", "--quiet", "--all", "--format=v2s2"],
        ...["--src-tls-verify=false", "--dest-tls-verify=false"],
        ...[`docker://${registry.host}/nixos/nix:2.8.0`, `docker://${repository}:2.8.0`],
      ],
    }).output();
    assertEquals(success, true);
    // Nor must the names of folders be those of images.
    const context = { cache: new Cache(join(folder, "The Cache")) };
    for (const to of [undefined, `oci:${join(folder, "My Layout")}:nix`]) {
      const base = await baseImage({ nixVersion: "2.8.0", repository, to }, context);
      const { stdout, image } = await inContainer(
        { base, engine, run: ["sh", "-c", "echo here"] },
        context,
      );
      assertEquals([stdout, image], ["here\n", base.configDigest.slice("sha256:".length)]);
      await world.engine.must(["rmi", "--force", image], "remove it");
    }
  },
);
