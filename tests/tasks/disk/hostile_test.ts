import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { sha256 } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError, VerificationError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import type { DiskIndex } from "../../../lib/chunk/chunk_table.ts";
import { setDigest } from "../../../lib/chunk/digest_column.ts";
import { zstdCompress } from "../../../lib/chunk/zstd.ts";
import { Layout } from "../../../lib/oci/layout/layout.ts";
import { pullDisk, pushDisk } from "../../../tasks/disk/disk.ts";
import { noise, rawIndex, tableOf } from "../../support/disk.ts";
import { DiskWorld, putDisk } from "../../support/disk_world.ts";

const data = noise(400_000);
const chunker = chunkerFor("fixed", 0, 65_536);

/** An index of one pack with these bytes, whatever they are. */
function indexOver(pack: Uint8Array, change: (index: DiskIndex) => void = () => {}): DiskIndex {
  const index = rawIndex(tableOf(data, chunker), 100);
  setDigest(index.packDigests, 0, sha256(pack));
  index.packSizes[0] = pack.length;
  change(index);
  return index;
}

async function refused(
  world: DiskWorld,
  index: DiskIndex,
  packs: Uint8Array[],
  state: string,
): Promise<void> {
  await putDisk(new Layout(world.path("store")), "1", index, packs);
  for (const inPlace of [false, true]) {
    if (inPlace) await world.write("out", new Uint8Array(10));
    await assertRejects(
      () =>
        pullDisk(
          { reference: `oci:${world.path("store")}:1`, file: world.path("out"), inPlace },
          world.machine(),
        ),
      VerificationError,
      state,
    );
    if (!inPlace) assert(!(await world.names()).includes("out"));
  }
  await Deno.remove(world.path("out"));
}

/** The memory that a pull of the disk takes which is refused, in a process of its own: this one is shared with other test modules. */
async function growthOfPull(world: DiskWorld): Promise<number> {
  const href = (path: string) => JSON.stringify(new URL(`../../../${path}`, import.meta.url).href);
  const text = `
    import { Cache } from ${href("lib/cache/cache.ts")};
    import { pullDisk } from ${href("tasks/disk/disk.ts")};
    const [folder] = Deno.args;
    const before = Deno.memoryUsage().rss;
    const options = { reference: \`oci:\${folder}/store:1\`, file: \`\${folder}/out\` };
    await pullDisk(options, { cache: new Cache(\`\${folder}/fresh\`) }).then(
      () => console.log("it was pulled"),
      () => console.log(Deno.memoryUsage().rss - before),
    );
  `;
  const program = await world.write("program.ts", new TextEncoder().encode(text));
  const config = fromFileUrl(new URL("../../../deno.json", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", config, program, world.folder],
  }).output();
  const growth = new TextDecoder().decode(stdout);
  assertMatch(growth, /^-?\d+\n$/, new TextDecoder().decode(stderr));
  return Number(growth);
}

Deno.test("a pack with other bytes than its index says is refused", async () => {
  await using world = await DiskWorld.make();
  const pack = data.slice();
  await refused(world, indexOver(data), [data.map((byte) => byte ^ 1)], "no whole blob");
  pack[200_000]! ^= 1;
  await refused(world, indexOver(pack), [pack], "is not sha256:");
});

Deno.test("an index that lies is refused with the name of its disk", async () => {
  await using world = await DiskWorld.make();
  const index = indexOver(data, ({ stored }) => stored[0] = 4);
  index.packSizes[0] = 100;
  await refused(
    world,
    index,
    [data],
    `Cannot use the disk "oci:${world.path("store")}:1": its chunk index cannot be read: chunk `,
  );
});

Deno.test("a chunk that unpacks to more than it says is refused, and takes no memory", async () => {
  await using world = await DiskWorld.make();
  const bomb = zstdCompress(new Uint8Array(512 << 20));
  assert(bomb.length < 65_536);
  const pack = new Uint8Array(400_000);
  pack.set(bomb);
  const index = indexOver(pack, (index) => index.stored[0] = bomb.length);
  await refused(world, index, [pack], "is not sha256:");
  assert(await growthOfPull(world) < 200 << 20);
});

Deno.test("a disk whose blobs are gone, and an image that is not a disk, are refused by name", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  const pull = (to: string) =>
    pullDisk({ reference: to, file: world.path("out") }, world.machine());
  await pushDisk({ file: await world.write("disk", data), reference }, world.machine());
  await assertRejects(() => pull(`oci:${world.path("store")}:2`), KedgeError, "no such image");
  const layout = new Layout(world.path("store"));
  const manifest = await layout.manifest((await layout.find("1"))!.digest);
  await Deno.remove(layout.blobPath(manifest!.blobs[1]!.digest));
  await assertRejects(() => pull(reference), VerificationError, "no whole blob");

  const config = new TextEncoder().encode("{}");
  await layout.putBytes(sha256(config), config);
  const image = new TextEncoder().encode(JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {
      mediaType: "application/vnd.oci.image.config.v1+json",
      digest: sha256(config),
      size: 2,
    },
    layers: [],
  }));
  await layout.putBytes(sha256(image), image);
  await layout.point("1", {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(image),
    size: image.length,
  });
  await assertRejects(() => pull(reference), VerificationError, "it is a container image");
});

Deno.test("a dry run of a push or a pull writes nothing", async () => {
  await using world = await DiskWorld.make();
  const file = await world.write("disk", data);
  const reference = `oci:${world.path("store")}:1`;
  const push = await pushDisk({ file, reference }, { ...world.machine(), dryRun: true });
  assertEquals([push.changed, push.dryRun], [true, true]);
  assertEquals(await world.names(), ["disk"]);
  await pushDisk({ file, reference }, world.machine());
  const names = await world.names();
  await pullDisk({ reference, file: world.path("out") }, { ...world.machine(), dryRun: true });
  assertEquals(await world.names(), names);
});

Deno.test({
  name: "disk:push refuses what is not a regular file, and files that do not end where they say",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using world = await DiskWorld.make();
    const reference = `oci:${world.path("store")}:1`;
    const fifo = world.path("fifo");
    assert((await new Deno.Command("mkfifo", { args: [fifo] }).output()).success);
    using _socket = Deno.listen({ transport: "unix", path: world.path("socket") });
    await Deno.symlink("/proc/self/status", world.path("link"));
    const cases = {
      [fifo]: "it is not a regular file",
      [world.path("socket")]: "it is not a regular file",
      [world.folder]: "it is a folder",
      "/dev/zero": "it is not a regular file",
      "/proc/self/status": "says that it has 0 bytes, and it has more",
      [world.path("link")]: "says that it has 0 bytes, and it has more",
      "/sys/kernel/mm/transparent_hugepage/enabled":
        "says that it has 4096 bytes, and it has fewer",
    };
    for (const [file, state] of Object.entries(cases)) {
      for (const dryRun of [true, false]) {
        const push = pushDisk({ file, reference }, { ...world.machine(), dryRun });
        const error = await assertRejects(() => push, UsageError, state);
        assert(error.hint !== undefined);
      }
    }
    await assertRejects(
      () => pushDisk({ file: "/proc/self/mem", reference }, world.machine()),
      KedgeError,
      "it cannot be read at byte 0",
    );
    assertEquals((await world.names()).includes("store"), false);
  },
});

for (const what of ["a pipe", "a folder"] as const) {
  Deno.test({
    name: `the disk tasks refuse a layout in which ${what} stands for a file, and wait for none`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      await using world = await DiskWorld.make();
      const reference = `oci:${world.path("store")}:1`;
      const file = await world.write("disk", noise(500_000));
      await pushDisk({ file, reference }, world.machine());
      const layout = new Layout(world.path("store"));
      const manifest = await layout.manifest((await layout.find("1"))!.digest);
      const blobs = [manifest!.digest, ...manifest!.blobs.slice(1).map(({ digest }) => digest)];
      const out = await world.write("out", noise(500_000, 2));
      for (
        const path of [
          world.path("store/index.json"),
          ...blobs.map((b) => layout.blobPath(b)),
        ]
      ) {
        const bytes = await Deno.readFile(path);
        await Deno.remove(path);
        if (what === "a folder") await Deno.mkdir(path);
        else assert((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
        for (const inPlace of [false, true]) {
          await assertRejects(
            () => pullDisk({ reference, file: out, inPlace }, world.machine()),
            VerificationError,
            "it is not a file",
          );
          await Deno.writeFile(out, noise(500_000, 2));
        }
        await Deno.remove(path);
        await Deno.writeFile(path, bytes);
      }
      await pullDisk({ reference, file: out }, world.machine());
      await world.holds("out", noise(500_000));
    },
  });
}

Deno.test("pullDisk() writes over no part of the layout that it pulls from", async () => {
  await using world = await DiskWorld.make();
  const reference = `oci:${world.path("store")}:1`;
  await pushDisk({ file: await world.write("disk", noise(500_000)), reference }, world.machine());
  await Deno.symlink("store/blobs", world.path("link"));
  for (const at of ["store/index.json", "store/oci-layout", "store/blobs/new", "link/new"]) {
    for (const dryRun of [true, false]) {
      await assertRejects(
        () => pullDisk({ reference, file: world.path(at) }, { ...world.machine(), dryRun }),
        UsageError,
        "it is a part of the layout",
      );
    }
  }
  await pullDisk({ reference, file: world.path("store/out") }, world.machine());
  await world.holds("store/out", noise(500_000));

  await Deno.rename(world.path("store/blobs"), world.path("shared"));
  await Deno.symlink("../shared", world.path("store/blobs"));
  await assertRejects(
    () => pullDisk({ reference, file: world.path("shared/new") }, world.machine()),
    UsageError,
    "it is a part of the layout",
  );
});
