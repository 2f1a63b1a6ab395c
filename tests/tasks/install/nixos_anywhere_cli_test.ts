/** `kedge nixos-anywhere` on the command line. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { makeBundle } from "../../support/bundle.ts";
import { runKedge } from "../../support/program.ts";
import { fakeTest } from "../../support/installation.ts";

fakeTest(
  "kedge nixos-anywhere wants to be confirmed, and hands its flags over",
  {},
  async (world) => {
    const bundle = await makeBundle(join(world.folder, "b.tar.gz"));
    const kedge = (...args: string[]) =>
      runKedge(
        [
          "nixos-anywhere",
          ...["--flake", ".#web1", "--target", "root@web1", "--kexec", bundle.path],
          ...["--chown", "/home/ada=1000:100", "--phases", "disko", "--without-disko-deps"],
          ...["--program", world.fake.program, ...args],
        ],
        { cacheDir: join(world.folder, "cache") },
      );
    const declined = await kedge();
    assertEquals(declined.code, 1);
    assertStringIncludes(declined.stderr, "Install .#web1 on root@web1? This erases its disks.");
    const plan = await kedge("--dry-run");
    assertEquals(plan.code, 0, plan.stderr);
    assertStringIncludes(plan.stderr, "--flake '.#web1' --target-host root@web1");
    assertEquals(await world.fake.calls(), []);
    const ran = await kedge("--yes", "--json");
    assertEquals(ran.code, 0, ran.stderr);
    assertEquals((await world.fake.onlyCall()).args, [
      ...["--flake", ".#web1", "--target-host", "root@web1", "--phases", "disko"],
      ...["--chown", "/home/ada", "1000:100", "--no-disko-deps"],
    ]);
    const result = JSON.parse(ran.stdout.trim().split("\n").at(-1)!);
    assertEquals([result.ok, result.value.phases], [true, ["disko"]]);
  },
);

Deno.test("kedge nixos-anywhere asks nobody about an installation that it refuses", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  for (
    const [args, state] of [
      [[], "neither a flake nor storePaths is given"],
      [["--flake", ".#web1", "--stage", "--phases", "disko"], "the phase kexec is left out"],
      [["--flake", ".#web1", "--stage", "--password-env", "X"], "staged by a login with a key"],
    ] as [string[], string][]
  ) {
    const { code, stderr } = await runKedge(
      ["nixos-anywhere", "--target", "root@host.invalid", ...args],
      { cacheDir: join(folder, "cache") },
    );
    assertEquals([code, stderr.includes("erases")], [2, false], stderr);
    assertStringIncludes(stderr, state);
  }
  await Deno.remove(folder, { recursive: true });
});

fakeTest(
  "kedge nixos-anywhere --vm-test asks for no confirmation, and no host for anything",
  {},
  async ({ folder, fake }) => {
    for (const host of [[], ["--target", "root@host.invalid"]]) {
      const { code, stderr } = await runKedge([
        ...["nixos-anywhere", "--vm-test", "--flake", ".#web1"],
        ...["--program", fake.program, "--offline", ...host],
      ], { cacheDir: join(folder, "cache") });
      assertEquals(code, 0, stderr);
      const { args } = (await fake.calls()).at(-1)!;
      const expected = host.length === 0 ? [] : ["--target-host", "root@host.invalid"];
      assertEquals(args, ["--flake", ".#web1", ...expected, "--vm-test"]);
    }
  },
);

for (
  const { what, args, env, code, state } of [
    {
      what: "neither a flake nor store paths",
      args: [],
      env: {} as Record<string, string>,
      code: 2,
      state: "neither a flake nor storePaths is given",
    },
    {
      what: "no network",
      args: ["--flake", ".#web1", "--offline"],
      env: {} as Record<string, string>,
      code: 2,
      state: 'Cannot install "root@host.invalid" of --target offline\nhint: leave out --offline\n',
    },
    {
      what: "no program",
      args: ["--flake", ".#web1"],
      env: { PATH: "/nowhere" },
      code: 1,
      state: "Cannot run nixos-anywhere: neither it nor nix is on PATH",
    },
  ]
) {
  Deno.test(`kedge nixos-anywhere with ${what} asks no host and fetches nothing`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const program = env.PATH === undefined ? ["--program", "nixos-anywhere"] : [];
    const refused = await runKedge(
      ["nixos-anywhere", "--target", "root@host.invalid", "--yes", ...program, ...args],
      { cacheDir: join(folder, "cache"), env },
    );
    assertEquals(refused.code, code, refused.stderr);
    assertStringIncludes(refused.stderr, state);
    await Deno.remove(folder, { recursive: true });
  });
}

Deno.test("kedge nixos-anywhere names the system of store paths when it asks", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const { code, stderr } = await runKedge([
    ...["nixos-anywhere", "--target", "root@host.invalid"],
    ...["--store-path", "/nix/store/a-disko", "--store-path", "/nix/store/b-nixos-system"],
  ], { cacheDir: join(folder, "cache") });
  assertEquals(code, 1, stderr);
  assertStringIncludes(
    stderr,
    "--yes answers: Install /nix/store/b-nixos-system on root@host.invalid? This erases its disks.",
  );
  await Deno.remove(folder, { recursive: true });
});
