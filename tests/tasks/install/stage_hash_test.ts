/** Bundles staged on hosts that have no `sha256sum`: a real sshd whose sessions find only the programs that each test names. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, VerificationError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { stageKexec } from "../../../tasks/install/stage_kexec.ts";
import { type MadeBundle, makeBundle } from "../../support/bundle.ts";
import { writeProgram } from "../../support/program_file.ts";
import { findProgram, realTest } from "../../support/real.ts";
import { type Sshd, startSshd } from "../../support/sshd.ts";

const needed = ["sshd", "ssh", "ssh-keygen", "busybox"];

/** What the scripts run there, but for what hashes and what may be missing. */
const plain = [
  ...["awk", "cat", "cut", "dd", "df", "dirname", "grep", "id", "mkdir", "mv", "od", "printf"],
  ...["rm", "sh", "sync", "tail", "tr", "uname", "wc"],
];

const ofMachine = (names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => {
    const path = findProgram(name);
    return path === undefined ? [] : [[name, path]];
  }));
const ofBusybox = (names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, findProgram("busybox")!]));

interface Ground {
  sshd: Sshd;
  bundle: MadeBundle;
  /** Where the bundle is there, once it is. */
  there: string;
  stage: () => ReturnType<typeof stageKexec>;
}

async function onHost(
  programs: Record<string, string>,
  test: (ground: Ground) => Promise<void>,
): Promise<void> {
  await using sshd = await startSshd({ programs });
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  try {
    const path = join(folder, "b.tar.gz");
    const bundle = await makeBundle(path, { size: 2 * 1024 * 1024, arch: Deno.build.arch });
    const cache = new Cache(join(folder, "cache"));
    await test({
      sshd,
      bundle,
      there: join(sshd.home, "kexec", `bundle-${bundle.digest.slice(7)}.tar.gz`),
      stage: () => stageKexec({ ...sshd.access, bundle: path, boot: false }, { cache }),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const hosts: Record<string, () => Record<string, string>> = {
  "shasum alone": () => ofMachine([...plain, "shasum"]),
  "openssl alone": () => ofMachine([...plain, "openssl"]),
  "busybox, of which nothing is linked that hashes": () => ofMachine([...plain, "busybox"]),
  "nothing but busybox, sha256sum too": () => ofBusybox([...plain, "sha256sum"]),
  "nothing but busybox, and no sha256sum": () => ofBusybox([...plain, "busybox"]),
  "a sha256sum that does not work, and openssl": () => ({
    ...ofMachine([...plain, "openssl"]),
    sha256sum: findProgram("false")!,
  }),
};

for (const [host, programs] of Object.entries(hosts)) {
  const hashing = host.startsWith("shasum") ? ["shasum"] : ["openssl"];
  realTest(`stageKexec() to a host with ${host}: resumed, verified and found again`, [
    ...needed,
    ...hashing,
  ], () =>
    onHost(programs(), async ({ bundle, sshd, there, stage }) => {
      const bytes = await Deno.readFile(bundle.path);
      await Deno.mkdir(join(sshd.home, "kexec"));
      await Deno.writeFile(`${there}.part`, bytes.subarray(0, 1_000_000));
      const first = await stage();
      assertEquals([first.changed, first.bytesReused], [true, 1_000_000]);
      assertEquals(await Deno.readFile(there), bytes);
      assertEquals((await stage()).changed, false);
      await Deno.writeFile(there, new Uint8Array(bytes.length));
      const mended = await stage();
      assertEquals([mended.bytesReused, mended.bytesMoved], [0, bytes.length]);
      assertEquals(await Deno.readFile(there), bytes);
    }));
}

realTest(
  "stageKexec() to a host without any program that hashes says so, and sends nothing",
  needed,
  () =>
    onHost(ofMachine(plain), async ({ sshd, stage }) => {
      const error = await assertRejects(
        stage,
        KedgeError,
        "the host has no program that computes sha256",
      );
      for (const name of ["sha256sum", "shasum", "openssl", "busybox"]) {
        assertStringIncludes(error.hint!, name);
      }
      assertEquals(await Array.fromAsync(Deno.readDir(sshd.home)), []);
    }),
);

realTest(
  "stageKexec() to a host whose hashing lies of all but nothing believes it not",
  needed,
  () =>
    onHost(ofMachine(plain), async ({ sshd, there, stage }) => {
      const script = `#!/bin/sh
if [ "$(wc -c)" -eq 0 ]; then exec ${findProgram("busybox")} sha256sum </dev/null; fi
echo ${"0".repeat(64)}
`;
      await writeProgram(join(sshd.bin, "sha256sum"), script);
      await assertRejects(stage, VerificationError, "another digest");
      await assertRejects(() => Deno.stat(there), Deno.errors.NotFound);
    }),
);
