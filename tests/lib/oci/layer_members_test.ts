import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { VerificationError } from "../../../lib/base/errors.ts";
import { type LayerMember, readLayerMembers } from "../../../lib/oci/layer_members.ts";
import { machinePlatform } from "../../../lib/oci/platform.ts";
import { type HostileMember, paxText, tarball } from "../../support/tarball.ts";

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function membersOf(layer: Uint8Array): Promise<LayerMember[]> {
  const found: LayerMember[] = [];
  await readLayerMembers(once(layer), "nix", "layer", {
    take: (member) => void found.push(member),
  });
  return found;
}

async function pathsOf(members: readonly HostileMember[]): Promise<string[]> {
  return (await membersOf(tarball(members))).map(({ type, path }) => `${type} ${path}`);
}

async function refuses(members: readonly HostileMember[], state: string): Promise<void> {
  const error = await assertRejects(() => pathsOf(members), VerificationError);
  assertStringIncludes(error.message, `Cannot use the layer "layer": `);
  assertStringIncludes(error.message, state);
}

Deno.test("readLayerMembers() gives what lies in the folder, however its name is written", async () => {
  const members = [
    "nix/",
    "./nix/store/a",
    "nix//store/./b",
    "/nix/store/c",
    "nixos/a",
    "usr/nix/a",
  ];
  assertEquals(
    await pathsOf(members.map((name) => ({ name, flag: name === "nix/" ? "5" : "0" }))),
    [
      "directory nix",
      "file nix/store/a",
      "file nix/store/b",
      "file nix/store/c",
    ],
  );
});

Deno.test("readLayerMembers() reads layers plain, with gzip and with zstd", async () => {
  const layer = tarball([{ name: "nix/a", content: "x".repeat(2000) }]);
  for (const packed of [layer, gzipSync(layer), zstdCompressSync(layer)]) {
    const [member] = await membersOf(new Uint8Array(packed));
    assertEquals([member?.path, member?.size], ["nix/a", 2000]);
  }
});

Deno.test("readLayerMembers() refuses names that lead out of the root", async () => {
  for (const name of ["../nix/a", "nix/../../a", "nix/..", "usr/../nix/a"]) {
    await refuses([{ name }], `its member ${JSON.stringify(name)} leads out of it`);
  }
  await refuses([{ name: "nix/a", flag: "1", linkName: "../etc/passwd" }], "leads out of it");
  const zero = { name: "x", flag: "x", content: paxText({ path: "nix/a\0b" }) };
  await refuses([zero, { name: "nix/a" }], "leads out of it");
});

Deno.test({
  name: "readLayerMembers() takes a backslash for what it is, as in the names of systemd's units",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const unit = "system-systemd\\x2dcryptsetup.slice";
    const members = await membersOf(tarball([
      { name: `lib/systemd/system/${unit}` },
      { name: `nix/${unit}` },
      { name: "nix/..\\a" },
      { name: `nix/link`, flag: "1", linkName: `nix/${unit}` },
    ]));
    assertEquals(members.map(({ path, target }) => [path, target]), [
      [`nix/${unit}`, ""],
      ["nix/..\\a", ""],
      ["nix/link", `nix/${unit}`],
    ]);
  },
});

Deno.test("readLayerMembers() refuses names that no file system takes", async () => {
  const named = (path: string) => [
    { name: "x", flag: "x", content: paxText({ path }) },
    { name: "nix/a" },
  ];
  await refuses(named(`nix/${"a".repeat(256)}`), "has 256 characters");
  await refuses(named(`nix${"/a".repeat(3000)}`), "has 6003 characters");
});

Deno.test("readLayerMembers() refuses what lies behind a link or a file", async () => {
  const link = { name: "nix/a", flag: "2", linkName: "/etc" };
  await refuses([link, { name: "nix/a/passwd" }], "lies behind the symlink above it");
  await refuses([link, { name: "nix/a/b/c", flag: "5" }], "lies behind the symlink above it");
  await refuses([{ name: "nix/a" }, { name: "nix/a/b" }], "lies behind the file above it");
  // The folder of the first one is named by no member of its own.
  const late = [{ name: "nix/a/b/c" }, { ...link, name: "nix/a" }];
  await refuses([...late, { name: "nix/a/b/d" }], "lies behind the symlink above it");
  await refuses([...late, { name: "nix/a/d" }], "lies behind the symlink above it");
});

Deno.test("readLayerMembers() refuses a member that comes twice, but for a folder", async () => {
  await refuses([{ name: "nix/a" }, { name: "./nix/a" }], `"nix/a" comes twice`);
  await refuses([{ name: "nix/a", flag: "5" }, { name: "nix/a" }], "comes twice");
  await refuses(
    [{ name: "nix/a", flag: "2", linkName: "b" }, { name: "nix/a", flag: "5" }],
    "twice",
  );
  const folder = { name: "nix/a/", flag: "5" };
  assertEquals(await pathsOf([folder, folder]), ["directory nix/a", "directory nix/a"]);
});

Deno.test("readLayerMembers() refuses devices, pipes and sparse files", async () => {
  const kinds = {
    "3": "a character-device",
    "4": "a block-device",
    "6": "a fifo",
    "S": "of another",
  };
  for (const [flag, kind] of Object.entries(kinds)) {
    await refuses([{ name: "nix/a", flag }], `neither file, folder nor link, but ${kind}`);
  }
  const sparse = { name: "x", flag: "x", content: paxText({ "GNU.sparse.major": "1" }) };
  await refuses([sparse, { name: "nix/a" }], "is a sparse file");
});

Deno.test("readLayerMembers() passes over what lies elsewhere, whatever it is", async () => {
  assertEquals(
    await pathsOf([{ name: "dev/null", flag: "3" }, { name: "a" }, { name: "a" }, {
      name: "nix/a",
    }]),
    ["file nix/a"],
  );
});

Deno.test("readLayerMembers() gives whiteouts, and refuses those that hide nothing in reach", async () => {
  assertEquals(
    await pathsOf([
      { name: "nix/store/.wh.gone" },
      { name: "nix/store/a/.wh..wh..opq" },
      { name: "nix/store/.wh..wh.plnk" },
    ]),
    ["whiteout nix/store/gone", "opaque nix/store/a"],
  );
  for (const name of ["nix/.wh.", "nix/.wh..", "nix/.wh..."]) {
    await refuses([{ name }], "is malformed");
  }
});

Deno.test("readLayerMembers() refuses a symlink to nowhere, and takes any other", async () => {
  await refuses([{ name: "nix/a", flag: "2" }], "is malformed");
  const [link] = await membersOf(tarball([{ name: "nix/a", flag: "2", linkName: "../../etc" }]));
  assertEquals(link?.target, "../../etc");
});

Deno.test("readLayerMembers() stops once nothing more is wanted", async () => {
  const found: string[] = [];
  await readLayerMembers(
    once(tarball([{ name: "nix/a" }, { name: "nix/b" }, { name: "../c" }])),
    "nix",
    "layer",
    { take: ({ path }) => void found.push(path), isDone: () => found.length === 1 },
  );
  assertEquals(found, ["nix/a"]);
});

Deno.test("machinePlatform() is linux on the processor of any machine", () => {
  const machines = { x86_64: "amd64", aarch64: "arm64" };
  for (const os of ["linux", "darwin", "windows"]) {
    for (const [arch, architecture] of Object.entries(machines)) {
      assertEquals(machinePlatform({ os, arch }), { os: "linux", architecture });
    }
  }
});
