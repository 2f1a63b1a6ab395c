/**
 * How engines that cannot be handed a base image fetch it themselves before a program is run in it.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError, UsageError } from "../../../lib/base/errors.ts";
import { type Meter, silentMeter } from "../../../lib/base/meter.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { resolveContext } from "../../../lib/runner/context.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { ensureEngineImage } from "../../../tasks/container/base.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { busyboxLayer } from "../../support/busybox.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

realTest(
  "inContainer() has a podman in a virtual machine fetch the image from its registry",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const { world, registry, repository } = ground;
    const context = resolveContext(ground.context);
    const base = await ground.base();
    class Machine extends ContainerEngine {
      override readonly isInMachine = true;
    }
    const engine = new Machine({ kind: "podman", program: "podman", ...world.options });
    await assertRejects(
      () => ensureEngineImage(engine, base, {}, { ...context, offline: true }),
      UnreachableError,
      "into podman: no registry may be asked",
    );
    const registries = { insecureRegistries: [registry.host] };
    const { id, loaded } = await ensureEngineImage(engine, base, registries, context);
    assertEquals([id, loaded], [base.configDigest.slice("sha256:".length), true]);
    const names = await engine.must(["images", "--format={{.Repository}}"], "list");
    assertEquals(names, `${repository}\n`);
  },
);

realTest(
  "inContainer() has a podman on another host fetch the image from its registry",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const { world, registry, folder, context } = ground;
    const base = await ground.base();
    // It reaches every registry but the one that this process is.
    const program = join(folder, "far-podman");
    const script = `#!/bin/sh
case "$*" in *pull*/kedge/*) echo "Error: connection refused" >&2; exit 125;; esac
exec podman "$@"
`;
    await writeProgram(program, script);
    const engine = { kind: "podman" as const, program, ...world.options };
    const asked = { base, engine, insecureRegistries: [registry.host] };
    const notes: string[] = [];
    const { stdout } = await inContainer({ ...asked, run: ["sh", "-c", "echo here"] }, {
      ...context,
      report: (event) => void (event.type === "note" && notes.push(event.message)),
    });
    assertEquals(stdout, "here\n");
    // How long podman takes to answer is no matter here.
    assertEquals(
      notes.filter((note) => !note.startsWith("waiting for podman")).at(-2),
      "podman does not reach this process, and fetches the image itself",
    );
  },
);

realTest(
  "inContainer() finds an image in a docker that knows images by what was asked for",
  ["docker-registry", "busybox"],
  async () => {
    const folder = await Deno.makeTempDir();
    await using registry = await startRegistry();
    try {
      const layers = [await busyboxLayer(folder)];
      await pushNixImage(folder, registry.host, "2.8.0", [{ label: "2.8.0", layers }]);
      const context = resolveContext({ cache: new Cache(join(folder, "cache")) });
      const repository = `${registry.host}/nixos/nix`;
      const base = await baseImage({ nixVersion: "2.8.0", repository }, context);
      const program = await fakeDocker(folder, { byManifest: true });
      const engine = new ContainerEngine({ kind: "docker", program });
      await assertRejects(
        () => ensureEngineImage(engine, base, {}, { ...context, offline: true }),
        UnreachableError,
        "no registry may be asked",
      );
      const brought = await ensureEngineImage(engine, base, {}, context);
      assertEquals([brought.id, brought.loaded], [base.manifestDigest, true]);
      const again = await ensureEngineImage(engine, base, {}, context);
      assertEquals([again.id, again.loaded], [base.manifestDigest, false]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

realTest(
  "inContainer() has docker fetch an image by what a registries.conf says of its registry",
  ["docker-registry", "busybox"],
  async () => {
    await using room = await ImageRoom.make();
    await using registry = await startRegistry();
    await using other = await startRegistry();
    const { host } = registry;
    const layers = [await busyboxLayer(room.path("."))];
    await pushNixImage(room.path("work"), host, "2.8.0", [{ label: "2.8.0", layers }]);
    const context = resolveContext({ cache: new Cache(room.path("cache")) });
    const repository = "far.invalid/nixos/nix";
    const registriesConf = room.path("registries.conf");
    const say = (text: string) => Deno.writeTextFile(registriesConf, `[[registry]]\n${text}\n`);
    const mirror = (place: string) => `[[registry.mirror]]\nlocation = "${place}"\n`;
    const moved = `prefix = "far.invalid"\nlocation = "${host}"\n`;
    await say(moved);
    const base = await baseImage({ nixVersion: "2.8.0", repository, registriesConf }, context);
    for (
      const [at, text] of [
        moved,
        // The first has none, and the second is not asked for digests.
        `location = "far.invalid"\n${mirror(other.host)}${mirror("no.invalid")}` +
        `pull-from-mirror = "tag-only"\n${mirror(host)}`,
        `location = "far.invalid"\nblocked = true`,
      ].entries()
    ) {
      await say(text);
      const folder = room.path(`docker-${at}`);
      await Deno.mkdir(folder);
      const engine = new ContainerEngine({ kind: "docker", program: await fakeDocker(folder) });
      const notes: string[] = [];
      const meter: Meter = {
        ...silentMeter,
        note: (message, level) => void notes.push(`${level}: ${message}`),
      };
      const bring = () => ensureEngineImage(engine, base, { registriesConf }, context, meter);
      if (text.includes("blocked")) {
        await assertRejects(bring, UsageError, `Cannot use "${repository}"`);
      } else assertEquals((await bring()).loaded, true);
      const passed = `warning: Cannot bring "${other.host}/nixos/nix@${base.manifestDigest}" ` +
        "into docker: docker ended with code 1 (";
      const said = notes.map((note) => [note.slice(0, passed.length), note.split("; ").at(-1)]);
      const expected = at === 1 ? [[passed, "going on with the next place"]] : [];
      assertEquals(said, expected, notes.join("\n"));
    }
  },
);
