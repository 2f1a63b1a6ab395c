/** A program is run in the pinned image by podman. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import type { Digest } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { ensureVolume, inspectVolume } from "../../../lib/container/engine_volume.ts";
import { findImage } from "../../../lib/container/engine_image.ts";
import {
  inContainer,
  type InContainerOptions,
  type InContainerResult,
} from "../../../tasks/container/in_container.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";

realTest("inContainer() runs the pinned image", containerPrograms, async (t) => {
  await using ground = await ContainerGround.make();
  const { folder, registry } = ground;
  const { engine, options: podman } = ground.world;
  const redactor = new Redactor();
  const notes: string[] = [];
  const context = {
    ...ground.context,
    redactor,
    report: (event: { type: string; message?: string }) => {
      if (event.type === "note") notes.push(event.message!);
    },
  };
  const name = `localhost/kedge/${registry.host.replace(":", "_")}/nixos/nix:2.8.0\n`;
  const base = await ground.base();
  const run = async (options: Omit<InContainerOptions, "base" | "engine">) =>
    await inContainer({ base, engine: podman, ...options }, context);

  let planned: InContainerResult;
  await t.step("a dry run starts nothing", async () => {
    planned = await inContainer({ base, engine: podman, run: ["sh"] }, {
      ...context,
      dryRun: true,
    });
    assertEquals([planned.dryRun, planned.changed], [true, true]);
    assertEquals(await findImage(engine, [base.configDigest]), undefined);
  });
  await t.step("its output and its exit code come through", async () => {
    const script = "echo one; echo two; exit 0";
    const { stdout, code, bytesMoved, requests } = await run({ run: ["sh", "-c", script] });
    assertEquals([stdout, code], ["one\ntwo\n", 0]);
    // The image was brought for it, as the dry run said.
    assertEquals([bytesMoved > 100_000, requests > 0], [true, true]);
    assertEquals(planned.bytesMoved, bytesMoved);
    assert(notes.includes("two"));
    const error = await assertRejects(
      () => run({ run: ["sh", "-c", "echo no >&2; exit 7"] }),
      KedgeError,
    );
    assertEquals(error.data["code"], 7);
    assertStringIncludes(error.message, "it ended with code 7 (no)");
  });
  await t.step("the image has a name for people in podman", async () => {
    const names = ["images", "--format={{.Repository}}:{{.Tag}}"];
    assertEquals(await engine.must(names, "list"), name);
  });
  await t.step("it gets that name also where a killed run left it without one", async () => {
    await engine.must(["untag", base.configDigest.slice(7)], "take all names away");
    await run({ run: ["sh", "-c", "true"] });
    const names = ["images", "--format={{.Repository}}:{{.Tag}}"];
    assertEquals(await engine.must(names, "list"), name);
  });
  await t.step("the image is brought once", async () => {
    await registry.stop();
    const { requests, bytesMoved } = await run({ run: ["sh", "-c", "true"] });
    assertEquals([requests, bytesMoved], [0, 0]);
  });
  await t.step("secrets reach it by name, and are in no output", async () => {
    const token = new Secret("s3cr3t-token", "env TOKEN", new Redactor());
    const script = 'echo "$TOKEN $PLAIN" >/out/seen; echo "$TOKEN"; cat /proc/1/cmdline';
    const { stdout } = await run({
      run: ["sh", "-c", script],
      env: { TOKEN: token, PLAIN: "a b" },
      mounts: [{ folder, to: "/out" }],
    });
    assertEquals(await Deno.readTextFile(join(folder, "seen")), "s3cr3t-token a b\n");
    assertEquals(stdout.includes("s3cr3t-token"), false);
    assertStringIncludes(stdout, "[redacted]");
    assertEquals(notes.join().includes("s3cr3t-token"), false);
    await assertRejects(() => run({ run: ["sh"], env: { PATH: token } }), UsageError);
  });
  await t.step(
    "a text that holds a secret is passed as one; an argument that does is warned of",
    async () => {
      const token = new Secret("s3cr3t-token", "env TOKEN", redactor);
      const env = { NIX_CONFIG: `access-tokens = github.com=${token.reveal()}` };
      notes.length = 0;
      const script = 'cat /proc/1/environ >/out/seen; echo "$NIX_CONFIG"';
      const mounts = [{ folder, to: "/out" }];
      const log = join(folder, "arguments");
      const program = join(folder, "podman");
      await writeProgram(program, `#!/bin/sh\necho "$@" >>'${log}'\nexec podman "$@"\n`);
      const logged = { kind: "podman", program, ...podman } as const;
      const options = { base, engine: logged, run: ["sh", "-c", script], env, mounts };
      const { stdout } = await inContainer(options, context);
      assertEquals(stdout, "access-tokens = github.com=[redacted]\n");
      assertStringIncludes(await Deno.readTextFile(join(folder, "seen")), env.NIX_CONFIG);
      const said = await Deno.readTextFile(log);
      assertEquals([said.includes("--env NIX_CONFIG "), said.includes("s3cr3t")], [true, false]);
      assertEquals(notes.some((note) => note.includes("an argument holds a secret")), false);
      const warned = async (options: Pick<InContainerOptions, "run" | "env">) => {
        notes.length = 0;
        await run(options);
        return notes.some((note) => note.includes("an argument holds a secret"));
      };
      assertEquals(await warned({ run: ["sh", "-c", `: ${token.reveal()}`] }), true);
      // The engine itself goes by these, so that they are not passed by their names.
      const HOME = `/${token.reveal()}`;
      assertEquals(await warned({ run: ["sh", "-c", "test -n $HOME"], env: { HOME } }), true);
    },
  );
  await t.step("its output stays as it is, but for secrets, wherever they come", async () => {
    const token = new Secret("s3cr3t-token", "env TOKEN", new Redactor());
    notes.length = 0;
    const script = 'printf "\\n\\n%16380s" x; printf "$TOKEN"; printf "%40000s" x';
    const { stdout } = await run({ run: ["sh", "-c", script], env: { TOKEN: token } });
    assertEquals(stdout, `\n\n${"x".padStart(16_380)}[redacted]${"x".padStart(40_000)}`);
    assertEquals(notes.join("").replaceAll(" ", ""), "x[redacted]x");
  });
  await t.step("it takes input and gives bytes", async () => {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const input = crypto.getRandomValues(new Uint8Array(60_000));
    await run({
      run: ["cat"],
      stdin: input,
      onStdout: (bytes) => void pieces.push(bytes.slice()),
    });
    assertEquals(new Uint8Array(await new Blob(pieces).arrayBuffer()), input);
  });
  await t.step("a volume keeps what was written into it", async () => {
    await ensureVolume(engine, "kept");
    const mounts = [{ volume: "kept", to: "/kept" }];
    await run({ run: ["sh", "-c", "echo here >/kept/file"], mounts });
    const reading = [{ volume: "kept", to: "/kept", readonly: true }];
    assertEquals((await run({ run: ["cat", "/kept/file"], mounts: reading })).stdout, "here\n");
    const error = await assertRejects(
      () => run({ run: ["sh", "-c", "echo >/kept/file"], mounts: reading }),
      KedgeError,
    );
    assertStringIncludes(error.message, "Read-only file system");
    const volume = await inspectVolume(engine, "kept");
    assertEquals(await Deno.readTextFile(join(volume!.folder, "file")), "here\n");
    assertEquals(await inspectVolume(engine, "none"), undefined);
  });
  await t.step("an abort ends it and leaves no container", async () => {
    const controller = new AbortController();
    const begun = Promise.withResolvers<void>();
    const running = inContainer({
      ...{ base, engine: podman, run: ["sh", "-c", "echo up; sleep 300"] },
      onStdout: () => begun.resolve(),
    }, { ...context, signal: controller.signal });
    await Promise.race([begun.promise, running]);
    controller.abort(new Error("enough"));
    const error = await assertRejects(() => running, Error);
    assertEquals(error.message, "enough");
    assertEquals(await engine.must(["ps", "--all", "--quiet"], "list"), "");
  });
  await t.step("bad mounts are refused before anything runs", async () => {
    const bad = [{ folder: "/a,b", to: "/x" }, { folder: "/a", to: "x" }];
    for (const mount of bad) {
      await assertRejects(() => run({ run: ["sh"], mounts: [mount] }), UsageError);
    }
  });
  await t.step("a program that fails as podman does is not taken for podman", async () => {
    const failing = { run: ["sh", "-c", "echo Error: mine >&2; exit 125"] };
    const error = await assertRejects(() => run(failing), KedgeError);
    assertEquals(error.data["code"], 125);
    assertStringIncludes(error.message, "in a container: it ended with code 125 (Error: mine)");
    const mounts = [{ folder: "/nowhere", to: "/x" }];
    const refused = await assertRejects(() => run({ ...failing, mounts }), KedgeError);
    assertStringIncludes(refused.message, "podman ended with code 125 (Error: statfs /nowhere");
    assertEquals(refused.hint, '"/nowhere" is not on this machine: make that folder first');
  });
  await t.step("arguments that the system does not take are an error of their own", async () => {
    const long = { run: ["sh", "-c", "true", "x".repeat(4_000_000)] };
    const error = await assertRejects(() => run(long), UsageError);
    assertStringIncludes(error.message, "its arguments and variables are longer than this system");
  });
  await t.step("a program that is not there is an error of its own", async () => {
    const error = await assertRejects(() => run({ run: ["nowhere"] }), KedgeError);
    assertStringIncludes(error.message, 'Cannot run "nowhere" in a container');
  });
});

Deno.test("inContainer() without an engine says what to install", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const digest = `sha256:${"0".repeat(64)}` as Digest;
    const base = {
      reference: "docker://docker.io/nixos/nix:2.8.0",
      digest,
      manifestDigest: digest,
      configDigest: digest,
      platform: "linux/amd64",
    };
    const engine = { program: "/nowhere/podman" };
    const error = await assertRejects(
      () => inContainer({ base, run: ["nix"], engine }, { cache: new Cache(folder) }),
      UsageError,
    );
    assertEquals(error.message, 'Cannot run "/nowhere/podman": it is not installed');
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
