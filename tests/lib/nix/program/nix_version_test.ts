import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../../lib/base/errors.ts";
import { localNixVersion } from "../../../../lib/nix/program/local_nix_version.ts";
import { type NixVersion, parseNixVersion } from "../../../../lib/nix/program/nix_version.ts";
import { inFolder } from "../../../support/in_folder.ts";
import { writeProgram } from "../../../support/program_file.ts";

const preRelease = "it is a pre-release, of which no images are published";
const lix = "Lix has no official image";

/** What the Nixes of all vendors print. */
const fixtures: readonly (readonly [text: string, version: NixVersion])[] = [
  ["nix (Nix) 2.31.5\n", { vendor: "nix", version: "2.31.5", release: "2.31.5" }],
  ["nix (Nix) 2.8.0", { vendor: "nix", version: "2.8.0", release: "2.8.0" }],
  ["nix (Nix) 2.3", { vendor: "nix", version: "2.3", release: "2.3" }],
  ["nix-env (Nix) 2.18.1", { vendor: "nix", version: "2.18.1", release: "2.18.1" }],
  ["nix (Determinate Nix 3.11.3) 2.31.2", {
    vendor: "determinate",
    version: "2.31.2",
    vendorVersion: "3.11.3",
    release: "2.31.2",
  }],
  ["nix (Determinate Nix) 2.26.3", {
    vendor: "determinate",
    version: "2.26.3",
    release: "2.26.3",
  }],
  ["nix (Lix, like Nix) 2.91.1\nSystem type: x86_64-linux", {
    vendor: "lix",
    version: "2.91.1",
    unofficial: lix,
  }],
  ["nix (Lix, like Nix) 2.90.0-beta.1-lixpre20240506-b6799ab", {
    vendor: "lix",
    version: "2.90.0-beta.1-lixpre20240506-b6799ab",
    unofficial: lix,
  }],
  ["nix (Nix) 2.5pre20211105_abc1234", {
    vendor: "nix",
    version: "2.5pre20211105_abc1234",
    unofficial: preRelease,
  }],
  ["nix (Nix) 2.36.0pre20260822_88b09c64", {
    vendor: "nix",
    version: "2.36.0pre20260822_88b09c64",
    unofficial: preRelease,
  }],
  ["nix-2.31.2+1", { vendor: "nix", version: "2.31.2+1", release: "2.31.2" }],
  ["/nix/store/sw97b2pqkqk2xs9mlkvmpdsc0jaq9xi2-nix-2.31.2+1", {
    vendor: "nix",
    version: "2.31.2+1",
    release: "2.31.2",
  }],
  ["nix (Nix) 2.26.3+dfsg-1~bpo12", {
    vendor: "nix",
    version: "2.26.3+dfsg-1~bpo12",
    release: "2.26.3",
  }],
  ["/nix/store/sw97b2pqkqk2xs9mlkvmpdsc0jaq9xi2-nix-cli-2.31.2+1/bin/nix", {
    vendor: "nix",
    version: "2.31.2+1",
    release: "2.31.2",
  }],
  ["determinate-nix-3.11.3", {
    vendor: "determinate",
    version: "3.11.3",
    vendorVersion: "3.11.3",
    unofficial: "that is the version of Determinate Nix, not of the Nix in it",
  }],
  ["determinate-nix-2.26.3", { vendor: "determinate", version: "2.26.3", release: "2.26.3" }],
  ["lix-2.93.0", { vendor: "lix", version: "2.93.0", unofficial: lix }],
  ["2.31.5", { vendor: "nix", version: "2.31.5", release: "2.31.5" }],
  ["using the Nix of /opt\n\nnix (Nix) 2.31.5\n", {
    vendor: "nix",
    version: "2.31.5",
    release: "2.31.5",
  }],
  ["nix (Tvix) 0.1.0", {
    vendor: "other",
    version: "0.1.0",
    unofficial: '"Tvix" has no official image',
  }],
];

for (const [text, version] of fixtures) {
  Deno.test(`parseNixVersion() reads ${JSON.stringify(text)}`, () => {
    assertEquals(parseNixVersion(text), version);
  });
}

for (
  const text of ["", "nix", "latest", "nix (Nix)", "2", "nix (Nix) ../../etc", "2.31.5; rm", "a\nb"]
) {
  Deno.test(`parseNixVersion() refuses ${JSON.stringify(text)}`, () => {
    const error = assertThrows(() => parseNixVersion(text), UsageError);
    assertEquals(error.message.startsWith("Cannot read the version of Nix in "), true);
  });
}

Deno.test({
  name: "localNixVersion() of a Nix that says no version tells how to name it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "nix");
      await writeProgram(program, "#!/bin/sh\necho 'Welcome to Nix'\n");
      const error = await assertRejects(() => localNixVersion({ program }), UsageError);
      assertEquals([error.message, error.hint], [
        'Cannot read the version of Nix in "Welcome to Nix": it is none',
        "name the version without it: --nix-version=2.31.5",
      ]);
    }),
});

Deno.test({
  name: "localNixVersion() of a Nix that fails tells how to name the version without it",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "nix");
      await writeProgram(program, "#!/bin/sh\necho 'error: no store' >&2\nexit 3\n");
      const error = await assertRejects(() => localNixVersion({ program }), KedgeError);
      assertEquals([error.message, error.hint], [
        `Cannot ask "${program}" for its version: it ended with code 3 (error: no store)`,
        "name the version without it: --nix-version=2.31.5",
      ]);
    }),
});

Deno.test({
  name:
    "localNixVersion() asks a Nix before 2.4 nothing of experimental features, which it does not know",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "nix");
      const script = `case "$*" in
  --version) echo "nix (Nix) 2.3.18" ;;
  *) echo "error: unrecognised flag '$1'" >&2; exit 1 ;;
esac`;
      await writeProgram(program, `#!/bin/sh\n${script}\n`);
      assertEquals((await localNixVersion({ program })).release, "2.3.18");
    }),
});
