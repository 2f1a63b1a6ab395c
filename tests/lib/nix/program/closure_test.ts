import { DatabaseSync } from "node:sqlite";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { sha256 } from "../../../../lib/base/digest.ts";
import { KedgeError, VerificationError } from "../../../../lib/base/errors.ts";
import { queryClosure, sortClosure } from "../../../../lib/nix/program/closure.ts";
import { formatNixHash } from "../../../../lib/nix/nix_hash.ts";
import { parsePathInfo, type PathInfo } from "../../../../lib/nix/path_info.ts";
import { parseStorePath } from "../../../../lib/nix/store_path.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { startNix } from "../../../support/nix.ts";
import { writeProgram } from "../../../support/program_file.ts";
import { realTest } from "../../../support/real.ts";

const leaf = "dk7vizqg1nnzfihhx43s4gnyzjrvhzwn-leaf";
const mid = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-mid";
const sri = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
const hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const sig =
  "k:06YC6GMlXgjOZaV+f2JVwsJXL+26CmaIDk1cpRtbyaJbw80g8IDxSnwrZgUvfD63NFVsFzllEn5IGweZ3hlECg==";

/** What each version of Nix prints for the same two paths. */
const shapes: Record<string, unknown> = {
  "2.8 to 2.18: an array": [
    {
      path: `/nix/store/${mid}`,
      narHash: sri,
      narSize: 168,
      references: [`/nix/store/${leaf}`],
      deriver: `/nix/store/${mid}.drv`,
      signatures: [sig],
      ultimate: true,
    },
    {
      path: `/nix/store/${leaf}`,
      narHash: sri,
      narSize: 120,
      references: [],
      ca: `fixed:r:${formatNixHash(sha256("abc"))}`,
      valid: true,
    },
  ],
  "2.19 to 2.22: an object by path, without what is not known": {
    [`/nix/store/${mid}`]: {
      narHash: sri,
      narSize: 168,
      references: [`/nix/store/${leaf}`],
      deriver: `/nix/store/${mid}.drv`,
      signatures: [sig],
      registrationTime: 1,
      ultimate: true,
    },
    [`/nix/store/${leaf}`]: {
      narHash: sri,
      narSize: 120,
      references: [],
      ca: `fixed:r:${formatNixHash(sha256("abc"))}`,
    },
  },
  "2.33 and later, format 1: the same with version and store": {
    [`/nix/store/${mid}`]: {
      version: 1,
      storeDir: "/nix/store",
      narHash: sri,
      narSize: 168,
      references: [`/nix/store/${leaf}`],
      deriver: `/nix/store/${mid}.drv`,
      ca: null,
      signatures: [sig],
      registrationTime: 1,
      ultimate: true,
      closureSize: 288,
    },
    [`/nix/store/${leaf}`]: {
      version: 1,
      storeDir: "/nix/store",
      narHash: sri,
      narSize: 120,
      references: [],
      deriver: null,
      ca: `fixed:r:${formatNixHash(sha256("abc"))}`,
      signatures: [],
      registrationTime: null,
      ultimate: false,
    },
  },
  "2.23 to 2.32: an object by path": {
    [`/nix/store/${mid}`]: {
      narHash: sri,
      narSize: 168,
      references: [`/nix/store/${leaf}`],
      deriver: `/nix/store/${mid}.drv`,
      ca: null,
      signatures: [sig],
      registrationTime: 1,
      ultimate: true,
    },
    [`/nix/store/${leaf}`]: {
      narHash: sri,
      narSize: 120,
      references: [],
      deriver: null,
      ca: `fixed:r:${formatNixHash(sha256("abc"))}`,
      signatures: [],
    },
  },
  "format 2: base names, hashes taken apart": {
    version: 2,
    storeDir: "/nix/store",
    info: {
      [mid]: {
        version: 2,
        storeDir: "/nix/store",
        narHash: { algorithm: "sha256", format: "base64", hash: sri.slice(7) },
        narSize: 168,
        references: [leaf],
        deriver: `${mid}.drv`,
        ca: null,
        signatures: [sig],
      },
      [leaf]: {
        narHash: { algorithm: "sha256", format: "base16", hash: hex },
        narSize: 120,
        references: [],
        deriver: null,
        ca: { method: "nar", hash: { algorithm: "sha256", format: "base64", hash: sri.slice(7) } },
        signatures: [],
      },
    },
  },
  "format 3: signatures taken apart": {
    version: 3,
    storeDir: "/nix/store",
    info: {
      [mid]: {
        narHash: sri,
        narSize: 168,
        references: [leaf],
        deriver: `${mid}.drv`,
        ca: null,
        signatures: [{ keyName: "k", sig: sig.slice(2) }],
      },
      [leaf]: {
        narHash: sri,
        narSize: 120,
        references: [],
        deriver: null,
        ca: { method: "nar", hash: sri },
        signatures: [],
      },
    },
  },
};

const expected: PathInfo[] = [
  {
    storePath: parseStorePath(`/nix/store/${mid}`),
    narHash: sha256("abc"),
    narSize: 168,
    references: [leaf],
    deriver: `${mid}.drv`,
    signatures: [sig],
  },
  {
    storePath: parseStorePath(`/nix/store/${leaf}`),
    narHash: sha256("abc"),
    narSize: 120,
    references: [],
    signatures: [],
    ca: `fixed:r:${formatNixHash(sha256("abc"))}`,
  },
];

for (const [name, json] of Object.entries(shapes)) {
  Deno.test(`parsePathInfo() reads the shape of ${name}`, () => {
    assertEquals(parsePathInfo(json), expected);
    assertEquals(sortClosure(parsePathInfo(json)), expected.toReversed());
  });
}

Deno.test("parsePathInfo() names a path that is not there, in every shape", () => {
  const missing = [
    [{ path: `/nix/store/${mid}`, valid: false }],
    { [`/nix/store/${mid}`]: null },
    { version: 2, storeDir: "/nix/store", info: { [mid]: null } },
  ];
  for (const json of missing) {
    assertThrows(
      () => parsePathInfo(json),
      KedgeError,
      `Cannot copy "/nix/store/${mid}": it is not in the Nix store`,
    );
  }
});

Deno.test("parsePathInfo() refuses other shapes", () => {
  const good = { narHash: sri, narSize: 1, references: [] };
  const refused: unknown[] = [
    null,
    "text",
    [1],
    [{ narHash: sri }],
    { "/etc/passwd": good },
    { [`/nix/store/${mid}`]: 1 },
    { [`/nix/store/${mid}`]: { ...good, narSize: "1" } },
    { [`/nix/store/${mid}`]: { ...good, narSize: -1 } },
    { [`/nix/store/${mid}`]: { ...good, narHash: "md5:x" } },
    { [`/nix/store/${mid}`]: { ...good, references: ["../x"] } },
    { [`/nix/store/${mid}`]: { ...good, references: undefined } },
    { [`/nix/store/${mid}`]: { ...good, ca: { method: "git" } } },
    { [`/nix/store/${mid}`]: { ...good, signatures: [7] } },
    { [`/nix/store/${mid}`]: { ...good, signatures: [{}] } },
    { version: 2, storeDir: "../x", info: { [mid]: good } },
  ];
  for (const json of refused) assertThrows(() => parsePathInfo(json), VerificationError);
});

Deno.test("sortClosure() refuses a closure that is not closed, or a ring", () => {
  assertThrows(() => sortClosure([expected[0]!]), VerificationError, `the closure lacks "${leaf}"`);
  const ring = [expected[0]!, { ...expected[1]!, references: [mid] }];
  assertThrows(() => sortClosure(ring), VerificationError, "need each other");
});

Deno.test("sortClosure() sorts a chain of 20,000 paths", () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `${String(i).padStart(32, "0")}-x`);
  const infos = names.map((name, i): PathInfo => ({
    storePath: parseStorePath(`/nix/store/${name}`),
    narHash: sha256("abc"),
    narSize: 1,
    references: i + 1 < names.length ? [names[i + 1]!] : [],
    signatures: [],
  }));
  assertEquals(sortClosure(infos).map((info) => info.storePath.baseName), names.toReversed());
});

Deno.test("queryClosure() says which path nix left out of its answer, whatever it is asked for", async () => {
  await inFolder(async (dir) => {
    const program = join(dir, "nix");
    await writeProgram(program, "#!/bin/sh\necho '[]'\n");
    const path = `/nix/store/${leaf}`;
    const error = await assertRejects(
      () => queryClosure([path], { program }),
      VerificationError,
    );
    assertEquals(error.message, `Cannot copy "${path}": nix path-info left it out of its answer`);
  });
});

realTest("queryClosure() asks the real nix", ["nix"], async () => {
  await using world = await startNix();
  const built = await world.build([{ name: "leaf" }, { name: "top", needs: ["leaf"], self: true }]);
  const infos = await queryClosure([built["top"]!], { env: world.env });
  assertEquals(infos.map((info) => info.storePath.path), [built["leaf"], built["top"]]);
  assertEquals(infos[1]!.references.length, 2);
});

realTest(
  "queryClosure() leaves out what Nix keeps for a signature and is none",
  ["nix"],
  async () => {
    await using world = await startNix();
    const { leaf } = await world.build([{ name: "leaf" }]);
    {
      using database = new DatabaseSync(join(world.dir, "state/db/db.sqlite"));
      const junk = `junk k:%% ${sig}`;
      database.prepare("update ValidPaths set sigs = ?").run(junk);
    }
    const [info] = await queryClosure([leaf!], { env: world.env });
    assertEquals(info!.signatures, [sig]);
  },
);
