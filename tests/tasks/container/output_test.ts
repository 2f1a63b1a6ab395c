/** What is kept of the output of a program in a container. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import type { Digest } from "../../../lib/base/digest.ts";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { inContainer, type InContainerOptions } from "../../../tasks/container/in_container.ts";
import type { RunnableBase } from "../../../tasks/container/base.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";
import { removeTree } from "../../support/remove_tree.ts";

const kept = 16 * 1024 * 1024;

realTest(
  "inContainer() keeps the first 16 MiB of the output, and says what has all of it",
  containerPrograms,
  async (t) => {
    await using ground = await ContainerGround.make();
    const warnings: string[] = [];
    const context = {
      ...ground.context,
      report: (event: { type: string; level?: string; message?: string }) => {
        if (event.type === "note" && event.level === "warning") warnings.push(event.message!);
      },
    };
    const base = await ground.base();
    const run = async (script: string, options: Partial<InContainerOptions> = {}) => {
      warnings.length = 0;
      const asked = { base, engine: ground.world.options, run: ["sh", "-c", script], ...options };
      return await inContainer(asked, context);
    };
    const print = (size: number) => `yes 123456789012345 | head -c ${size}`;

    await t.step("all of what is as much", async () => {
      const { stdout, stdoutTruncated } = await run(print(kept));
      assertEquals([stdout.length, stdoutTruncated, warnings], [kept, false, []]);
    });
    await t.step("the first of what is more, and a warning", async () => {
      const { code, stdout, stdoutTruncated } = await run(print(kept + 3_000_000));
      assertEquals([code, stdout.length, stdoutTruncated], [0, kept, true]);
      assertEquals(warnings, [
        "its standard output has 19777216 bytes, of which the result keeps the first 16 MiB; onStdout takes all of it",
      ]);
    });
    await t.step("no part of a secret that lies across the end of that", async () => {
      const token = new Secret("s3cr3t-token", "env TOKEN", new Redactor());
      const env = { TOKEN: token };
      const { stdout } = await run(`${print(kept - 5)}; echo "$TOKEN"; ${print(100)}`, { env });
      assertEquals(stdout.slice(-20), "89012345\n12345678901");
    });
    await t.step("as much beside an error", async () => {
      const error = await assertRejects(() => run(`${print(kept + 1)}; exit 3`), KedgeError);
      const { stdout, stdoutTruncated } = error.data as Record<string, unknown>;
      assertEquals([(stdout as string).length, stdoutTruncated], [kept, true]);
    });
    await t.step("and onStdout takes all of it", async () => {
      let size = 0;
      const onStdout = (bytes: Uint8Array) => void (size += bytes.byteLength);
      const { stdout, stdoutTruncated } = await run(print(kept + 3), { onStdout });
      assertEquals([size, stdout, stdoutTruncated, warnings], [kept + 3, "", false, []]);
    });
  },
);

/** A podman that has each image that it is asked for, and runs nothing. */
async function podmanWithAll(): Promise<AsyncDisposable & { program: string }> {
  const dir = await Deno.makeTempDir({ prefix: "kedge-test-" });
  const program = join(dir, "podman");
  await writeProgram(program, '#!/bin/sh\n[ "$*" != "${*#*inspect}" ] && echo an-id\n');
  return { program, [Symbol.asyncDispose]: () => removeTree(dir) };
}

/** A base image that no registry is asked for. */
function unaskedBase(): RunnableBase {
  const digest = `sha256:${"0".repeat(64)}` as Digest;
  const reference = "docker://127.0.0.1:1/nixos/nix:2.8.0";
  const digests = { digest, manifestDigest: digest, configDigest: digest };
  return { reference, ...digests, platform: "linux/amd64" };
}

Deno.test("inContainer() warns of a secret in whatever becomes an argument of the engine", async () => {
  const redactor = new Redactor();
  redactor.add("s3cr3t-token");
  await using podman = await podmanWithAll();
  const { program } = podman;
  const warned = async (options: Partial<InContainerOptions>) => {
    let warnings = 0;
    await inContainer({ base: unaskedBase(), engine: { program }, run: ["sh"], ...options }, {
      dryRun: true,
      redactor,
      report: (event) => {
        const isWarning = event.type === "note" && event.level === "warning";
        if (isWarning && event.message.includes("an argument holds a secret")) warnings++;
      },
    });
    return warnings;
  };
  assertEquals(await warned({ workdir: "/work", env: { A: "s3cr3t-token" } }), 0);
  for (
    const options of [
      { run: ["sh", "-c", "echo s3cr3t-token"] },
      { workdir: "/s3cr3t-token" },
      { mounts: [{ folder: "/s3cr3t-token", to: "/x" }] },
      { mounts: [{ folder: "/x", to: "/s3cr3t-token" }] },
      { mounts: [{ volume: "s3cr3t-token", to: "/x" }] },
      { engine: { program, args: ["--url=ssh://user:s3cr3t-token@host"] } },
      { engine: { program, runArgs: ["--label=token=s3cr3t-token"] } },
    ]
  ) assertEquals(await warned(options), 1, JSON.stringify(options));
});

Deno.test("inContainer() names a command in one line, the beginning of a long one", async () => {
  const base = unaskedBase();
  await using podman = await podmanWithAll();
  const engine = { kind: "podman", program: podman.program } as const;
  const redactor = new Redactor();
  redactor.add("s3cr3t-token");
  const subjectOf = async (...run: string[]) => {
    const subjects = new Set<string>();
    await inContainer({ base, engine, run }, {
      dryRun: true,
      redactor,
      report: ({ subject }) => void subjects.add(subject),
    });
    return [...subjects];
  };
  assertEquals(await subjectOf("nix", "--version"), ["nix --version"]);
  const script = "set -e\n\tnix build\r\n\n  echo done\n";
  assertEquals(await subjectOf("sh", "-c", script), ["sh -c set -e nix build echo done"]);
  const [long = ""] = await subjectOf("sh", "-c", `${"x".repeat(190)} s3cr3t-token ${script}`);
  assertEquals(long, `sh -c ${"x".repeat(190)} [re…`);
});
