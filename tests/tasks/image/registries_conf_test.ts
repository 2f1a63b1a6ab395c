/** What a registries.conf says of a registry itself, whatever is done there: how it is spoken to, where it is, that it is blocked. */
import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { readRegistriesConf } from "../../../lib/oci/registry/read_registries_conf.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { listImages } from "../../../tasks/image/inspect.ts";
import { syncImages } from "../../../tasks/image/list.ts";
import { removeImages } from "../../../tasks/image/rm.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { ImageRoom } from "../../support/image_room.ts";
import { writeImage } from "../../support/layout.ts";

/** A registry with an image in a layout beside it, and a configuration that says something of a place. */
async function withConf(
  conf: (host: string) => string,
  run: (room: ImageRoom, registry: FakeRegistry, registriesConf: string) => Promise<void>,
): Promise<void> {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry();
  await writeImage(room.path("from"), "v1", { layers: ["x"] });
  await Deno.writeTextFile(room.path("conf"), `[[registry]]\n${conf(registry.host)}\n`);
  await run(room, registry, room.path("conf"));
}

/** Written this way the address is not taken for loopback. */
const afar = (host: string) => host.replace("127.0.0.1", "[::ffff:7f00:1]");

Deno.test("an insecure registry of a registries.conf is spoken to in plain HTTP also where it is written or its tags are listed", () =>
  withConf(
    (host) => `location = "${afar(host)}"\ninsecure = true`,
    async (room, registry, registriesConf) => {
      const there = `docker://${afar(registry.host)}/a`;
      const { digest } = await room.sync(`oci:${room.path("from")}:v1`, `${there}:v1`, {
        registriesConf,
      });
      assertEquals((await listImages({ place: there, registriesConf })).tags, ["v1"]);
      const to = `oci:${room.path("to")}`;
      const images = [{ from: there, to, tags: ".*" }];
      const pulled = await room.syncAll({ images, registriesConf });
      assertEquals(pulled.images.map((image) => image.digest), [digest]);
      const gone = [`${there}@${digest}`];
      const { removed } = await removeImages({ images: gone, registriesConf }, room.context);
      assertEquals(removed, gone);
    },
  ));

Deno.test("a registries.conf that is a pipe holds for all of a run, and is not waited for without end", () =>
  withConf(
    (host) => `location = "${afar(host)}"\ninsecure = true`,
    async (room, registry, conf) => {
      const there = `docker://${afar(registry.host)}/a`;
      const registriesConf = room.path("pipe");
      await new Deno.Command("mkfifo", { args: [registriesConf] }).output();
      const written = Deno.writeTextFile(registriesConf, await Deno.readTextFile(conf));
      await room.sync(`oci:${room.path("from")}:v1`, `${there}:v1`, { registriesConf });
      await written;
      assertEquals((await listImages({ place: there, registriesConf })).tags, ["v1"]);
      await Deno.remove(registriesConf);
      await new Deno.Command("mkfifo", { args: [registriesConf] }).output();
      await assertRejects(
        () => readRegistriesConf(registriesConf, { writerWaitMs: 1 }),
        UsageError,
        `Cannot read the registries in "${registriesConf}": it is a pipe, and nobody wrote into it`,
      );
    },
  ));

Deno.test("a registry that a registries.conf blocks is asked for nothing, to be written neither", () =>
  withConf(
    (host) => `location = "${host}/team"\nblocked = true`,
    async (room, registry, registriesConf) => {
      const there = `docker://${registry.host}/team/a`;
      const layout = `oci:${room.path("from")}`;
      const tasks = [
        () => syncImage({ from: `${layout}:v1`, to: `${there}:v1`, registriesConf }, room.context),
        () => syncImage({ from: `${there}:v1`, to: `${layout}:v2`, registriesConf }, room.context),
        () => listImages({ place: there, registriesConf }, room.context),
        () => removeImages({ images: [`${there}:v1`], registriesConf }, room.context),
        () => {
          const images = [{ from: there, to: layout, tags: ".*" }];
          return syncImages({ images, registriesConf }, room.context);
        },
      ];
      for (const run of tasks) {
        const { message } = await assertRejects(run, UsageError);
        const name = `${registry.host}/team/a`;
        assertEquals(message, `Cannot use "${name}": the registries' configuration blocks it`);
      }
      assertEquals(registry.requests, []);
      await room.sync(`${layout}:v1`, `docker://${registry.host}/other:v1`, { registriesConf });
    },
  ));

Deno.test("the tags of a registry that a registries.conf has elsewhere are listed where its images are read", () =>
  withConf(
    (host) => `prefix = "far.invalid/team"\nlocation = "${host}/hub"`,
    async (room, registry, registriesConf) => {
      await room.sync(`oci:${room.path("from")}:v1`, `docker://${registry.host}/hub/a:v1`);
      const place = "docker://far.invalid/team/a";
      assertEquals((await listImages({ place, registriesConf })).tags, ["v1"]);
    },
  ));

Deno.test("a registry that is written is not spoken to in plain HTTP because another one is read so in its place", () =>
  withConf(
    (host) => `prefix = "${afar(host)}"\nlocation = "cache.invalid"\ninsecure = true`,
    async (room, registry, registriesConf) => {
      await assertRejects(
        () =>
          syncImage({
            from: `oci:${room.path("from")}:v1`,
            to: `docker://${afar(registry.host)}/a:v1`,
            registriesConf,
          }, room.context),
        Error,
        "does not speak TLS",
      );
    },
  ));

Deno.test("a mirror of the command line leaves what a registries.conf says of the registry that is written", () =>
  withConf(
    (host) =>
      `location = "${afar(host)}"\ninsecure = true\n` +
      `[[registry]]\nlocation = "${host}/team"\nblocked = true`,
    async (room, registry, registriesConf) => {
      const from = `oci:${room.path("from")}:v1`;
      const there = `docker://${afar(registry.host)}/a:v1`;
      const mirrors = [
        `${afar(registry.host)}=${registry.host}/none`,
        `${registry.host}/team=x.lan`,
      ];
      await room.sync(from, there, { registriesConf, mirrors });
      await room.sync(there, `oci:${room.path("to")}:v1`, { registriesConf, mirrors });
      const to = `docker://${registry.host}/team/a:v1`;
      await assertRejects(
        () => syncImage({ from, to, registriesConf, mirrors }, room.context),
        UsageError,
        "blocks it",
      );
    },
  ));

Deno.test("a registry is written whatever a registries.conf has in its place where it is read", () =>
  withConf(
    (host) =>
      `prefix = "${host.replace(/:\d+$/, "")}"\nlocation = "${host}"\n` +
      `[[registry]]\nprefix = "${host}/b"\nlocation = "far.invalid/b"\n` +
      `[[registry]]\nlocation = "far.invalid"\nblocked = true`,
    async (room, { host }, registriesConf) => {
      for (const repository of ["a", "b/c"]) {
        const to = `docker://${host}/${repository}:v1`;
        await room.sync(`oci:${room.path("from")}:v1`, to, { registriesConf });
      }
    },
  ));

Deno.test("a registries.conf reads one tag under another, and blocks one, while the repository's others are read as ever", () =>
  withConf(
    (host) =>
      `prefix = "${host}/a:moved"\nlocation = "${host}/b:v1"\n` +
      `[[registry]]\nprefix = "${host}/a:bad"\nblocked = true`,
    async (room, registry, registriesConf) => {
      const other = await writeImage(room.path("from"), "v2", { layers: ["y"] });
      const push = (from: string, to: string) =>
        room.sync(`oci:${room.path("from")}:${from}`, `docker://${registry.host}/${to}`);
      await push("v1", "b:v1");
      await push("v2", "a:v2");
      const read = async (tag: string) => {
        const from = `docker://${registry.host}/a:${tag}`;
        return (await room.sync(from, `oci:${room.path("to")}:${tag}`, { registriesConf })).digest;
      };
      assertEquals(await read("v2"), other.digest);
      assertEquals(await read("moved"), (await push("v1", "b:v1")).digest);
      const { message } = await assertRejects(() => read("bad"), UsageError);
      const name = `${registry.host}/a:bad`;
      assertEquals(message, `Cannot use "${name}": the registries' configuration blocks it`);
    },
  ));
