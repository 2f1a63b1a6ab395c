/** What a copy refuses, and what it says of that. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { sha256 } from "../../../lib/base/digest.ts";
import {
  KedgeError,
  NotAllowedError,
  UnreachableError,
  UsageError,
  VerificationError,
} from "../../../lib/base/errors.ts";
import { syncImage, type SyncImageOptions } from "../../../tasks/image/image.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { writeImage } from "../../support/layout.ts";
import { ImageRoom } from "../../support/image_room.ts";

interface BadCase {
  what: string;
  from?: (room: ImageRoom, registry: FakeRegistry) => string;
  to?: (room: ImageRoom, registry: FakeRegistry) => string;
  options?: Partial<SyncImageOptions>;
  type: abstract new (...args: never[]) => KedgeError;
  exitCode: number;
  message: string;
  hint?: string;
}

const badCases: BadCase[] = [
  {
    what: "a malformed source",
    from: () => "ghcr.io/acme/vm",
    type: UsageError,
    exitCode: 2,
    message: "begins with neither docker:// nor oci:",
  },
  {
    what: "a malformed platform",
    options: { platforms: ["amd64"] },
    type: UsageError,
    exitCode: 2,
    message: 'Cannot read the platform "amd64"',
  },
  {
    what: "a concurrency of none",
    options: { concurrency: 0 },
    type: UsageError,
    exitCode: 2,
    message: "Cannot use 0 as concurrency",
  },
  {
    what: "platforms and all platforms",
    options: { platforms: ["linux/amd64"], allPlatforms: true },
    type: UsageError,
    exitCode: 2,
    message: 'allPlatforms together with the platform "linux/amd64"',
  },
  {
    what: "a tag that the registry does not have",
    from: (_room, registry) => `docker://${registry.host}/a:v1.0.1`,
    type: KedgeError,
    exitCode: 1,
    message: "the registry has no such tag",
    hint: "the nearest tags are v1.0.0, v2, latest",
  },
  {
    what: "a repository that the registry does not have",
    from: (_room, registry) => `docker://${registry.host}/b:v1`,
    type: KedgeError,
    exitCode: 1,
    message: "the registry has no such tag",
    hint: "it has no tags of that repository at all",
  },
  {
    what: "a tag that the layout does not have",
    from: (room) => `oci:${room.path("from")}:v1x`,
    type: KedgeError,
    exitCode: 1,
    message: "the layout has no such tag",
    hint: "the nearest tags are v1",
  },
  {
    what: "a source folder that is not there",
    from: (room) => `oci:${room.path("nowhere")}:v1`,
    type: KedgeError,
    exitCode: 1,
    message: "there is no layout in that folder",
  },
  {
    what: "a destination folder that is not a layout",
    to: (room) => `oci:${room.path("full")}:v1`,
    type: KedgeError,
    exitCode: 1,
    message: 'it holds "notes.txt" and no oci-layout',
    hint: "name a folder that is a layout, is empty, or is not there yet",
  },
  {
    what: "a web page",
    from: (_room, registry) => {
      registry.quirks.add("html");
      return `docker://${registry.host}/a:v1.0.0`;
    },
    type: VerificationError,
    exitCode: 3,
    message: "HTML page",
    hint: "is this the address of a registry?",
  },
  {
    what: "a destination pinned to another digest",
    to: (room) => `oci:${room.path("to")}:v1@${sha256("other")}`,
    type: VerificationError,
    exitCode: 3,
    message: "the image has the digest",
  },
];

for (const { what, from, to, options, type, exitCode, message, hint } of badCases) {
  Deno.test(`syncImage() refuses ${what}`, async () => {
    await using room = await ImageRoom.make();
    await using registry = new FakeRegistry();
    await writeImage(room.path("from"), "v1", { layers: ["x"] });
    await Deno.mkdir(room.path("full"));
    await Deno.writeTextFile(room.path("full/notes.txt"), "mine");
    for (const tag of ["v1.0.0", "latest", "v2"]) registry.store.repository("a").tags.set(tag, "");
    const error = await assertRejects(
      () =>
        syncImage({
          from: from?.(room, registry) ?? `oci:${room.path("from")}:v1`,
          to: to?.(room, registry) ?? `oci:${room.path("to")}:v1`,
          ...options,
        }, room.context),
      type,
      message,
    );
    assertEquals(error.exitCode, exitCode);
    if (hint !== undefined) assertEquals(error.hint, hint);
    assertEquals(
      await Array.fromAsync(Deno.readDir(room.path("full"))).then((all) => all.length),
      1,
    );
    await assertRejects(() => Deno.stat(room.path("to")), Deno.errors.NotFound);
  });
}

Deno.test("syncImage() gives up with 4 on a registry that is not there, and says where", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ faults: { unavailable: 1000 } });
  const error = await assertRejects(
    () =>
      syncImage(
        { from: `docker://${registry.host}/a:v1`, to: `oci:${room.path("to")}:v1` },
        room.context,
      ),
    UnreachableError,
    registry.host,
  );
  assertEquals([error.exitCode, error.side], [4, "source"]);
});

Deno.test("syncImage() says that a tag is not there also where its tags cannot be listed", async () => {
  await using room = await ImageRoom.make();
  const denied = { errors: [{ code: "DENIED", message: "no listing" }] };
  const unknown = { errors: [{ code: "MANIFEST_UNKNOWN", message: "manifest unknown" }] };
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url }) =>
      url.includes("/tags/list")
        ? Response.json(denied, { status: 403 })
        : Response.json(unknown, { status: 404 }),
  );
  try {
    const from = `docker://127.0.0.1:${server.addr.port}/a:v1`;
    const error = await assertRejects(
      () => syncImage({ from, to: `oci:${room.path("to")}:v1` }, room.context),
      KedgeError,
    );
    assertEquals([error.exitCode, error.message], [
      1,
      `Cannot find "${from}": the registry has no such tag`,
    ]);
    assertStringIncludes(error.hint ?? "", "the registry answered 403 (DENIED: no listing)");
  } finally {
    await server.shutdown();
  }
});

Deno.test("syncImage() asks a registry that refuses nothing twice", async () => {
  await using room = await ImageRoom.make();
  await using registry = new FakeRegistry({ user: { name: "nobody", password: "else" } });
  const error = await assertRejects(
    () =>
      syncImage(
        { from: `docker://${registry.host}/a:v1`, to: `oci:${room.path("to")}:v1` },
        room.context,
      ),
    NotAllowedError,
  );
  assertEquals([error.exitCode, registry.requests.length], [5, 1]);
});
