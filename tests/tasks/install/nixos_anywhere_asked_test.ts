/**
 * What is shown and asked before an installation, and what is refused before anything is asked.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { fakeTest } from "../../support/installation.ts";

fakeTest("nixosAnywhere() shows the command in a dry run, and runs nothing", {}, async (world) => {
  const result = await world.install({
    flake: "./my flake#web1",
    password: { env: "KEDGE_TEST_UNSET" },
    diskEncryptionKeys: { "/tmp/k": { env: "KEDGE_TEST_UNSET" } },
    confirm: () => false,
  }, { dryRun: true });
  assertEquals(await world.fake.calls(), []);
  assertEquals(world.notes, [
    `$ '${world.fake.program}' --flake './my flake#web1' --target-host root@web1 --env-password ` +
    `--disk-encryption-keys /tmp/k '[secret KEDGE_TEST_UNSET]'`,
  ]);
  assertEquals([result.dryRun, result.changed], [true, true]);
});

fakeTest(
  "nixosAnywhere() takes a bundle that is still to be fetched, in a dry run alone",
  {},
  async ({ install, folder, fake }) => {
    const kexec = join(folder, "none.tar.gz");
    const result = await install({ kexec }, { dryRun: true });
    assert(result.command.includes(kexec));
    await assertRejects(() => install({ kexec }), UsageError, "there is no such file");
    assertEquals(await fake.calls(), []);
  },
);

fakeTest("nixosAnywhere() asks before it does anything", {}, async ({ install, fake }) => {
  const questions: string[] = [];
  const error = await assertRejects(
    () => install({ confirm: (question) => questions.push(question) > 99 }),
    KedgeError,
    'Cannot install "root@web1": it was not confirmed',
  );
  assertEquals(error.exitCode, 1);
  assertEquals(questions, ["Install .#web1 on root@web1? This erases its disks."]);
  assertEquals(await fake.calls(), []);
  await install({ confirm: () => Promise.resolve(true) });
  assertEquals((await fake.calls()).length, 1);
});

fakeTest("nixosAnywhere() asks about what it does to the disks", {}, async ({ install, fake }) => {
  const questions: string[] = [];
  const confirm = (question: string) => questions.push(question) > 0;
  for (
    const options of [{ diskoMode: "format" }, { diskoMode: "mount" }, {
      phases: ["install", "reboot"],
    }] as const
  ) await install({ ...options, confirm });
  assertEquals(questions, [
    "Install .#web1 on root@web1? This erases its disks.",
    "Install .#web1 on root@web1? Its disks are mounted as they are.",
    "Run the phases install, reboot for .#web1 on root@web1?",
  ]);
  assertEquals((await fake.calls()).length, 3);
});

for (
  const [what, options, message] of [
    ["neither flake nor store paths", { flake: undefined }, "neither a flake nor storePaths"],
    ["a flake and store paths", { storePaths: ["/a", "/b"] }, "storePaths is given too"],
    ["a flake without a system", { flake: "." }, "it names no system"],
    ["no target", { target: undefined }, "no target is given"],
    ["a target that is a flag", { target: "--help" }, "it names no host"],
    ["a target as a URL", { target: "ssh://root@host" }, "it names no host"],
    ["an unknown phase", { phases: ["format"] }, "there is none of that name"],
    ["no phase", { phases: [] }, "no phase is given"],
    ["a bundle without a suffix", { kexec: "/tmp/bundle" }, "it has none that is known"],
    ["stage without a bundle", { stage: true }, "no kexec bundle is given"],
    ["stage with a password", { stage: true, kexec: "/b.tar", password: { env: "X" } }, "login"],
    ["stage without kexec", { stage: true, kexec: "/b.tar", phases: ["disko"] }, "left out"],
    [
      "a key path with a space",
      { diskEncryptionKeys: { "/tmp/a b": "/k" } },
      "plain absolute path",
    ],
    ["a key path with a command", { diskEncryptionKeys: { "/tmp/$(x)": "/k" } }, "plain absolute"],
    ["a revision that is none", { revision: "a b" }, "it is not a revision"],
    ["a NUL", { extraFiles: "a\0b" }, "it is not a text for a command line"],
    ["vmTest with extra files", { vmTest: true, extraFiles: "/e" }, "does not go with extraFiles"],
    ["a disko mode with store paths", {
      flake: undefined,
      storePaths: ["/a", "/b"],
      diskoMode: "mount",
    }, "storePaths names the disko script already"],
  ] as [string, Record<string, unknown>, string][]
) {
  fakeTest(`nixosAnywhere() refuses ${what}`, {}, async ({ install, fake }) => {
    const error = await assertRejects(() => install(options as never), UsageError);
    assertStringIncludes(error.message, message);
    assertEquals(await fake.calls(), []);
  });
}
