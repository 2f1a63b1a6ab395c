import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join, relative } from "@std/path";
import type { Digest } from "../../../lib/base/digest.ts";
import { KedgeError, UsageError } from "../../../lib/base/errors.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { Secret } from "../../../lib/base/secret.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { ensureVolume, inspectVolume } from "../../../lib/container/engine_volume.ts";
import { findImage } from "../../../lib/container/engine_image.ts";
import { inContainer, type InContainerOptions } from "../../../tasks/container/in_container.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { DockerService } from "../../support/docker_service.ts";
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

  await t.step("a dry run starts nothing", async () => {
    const planned = await inContainer({ base, engine: podman, run: ["sh"] }, {
      ...context,
      dryRun: true,
    });
    assertEquals([planned.dryRun, planned.changed], [true, true]);
    assertEquals(await findImage(engine, [base.configDigest]), undefined);
  });
  await t.step("its output and its exit code come through", async () => {
    const { stdout, code } = await run({ run: ["sh", "-c", "echo one; echo two; exit 0"] });
    assertEquals([stdout, code], ["one\ntwo\n", 0]);
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
    const running = inContainer({ base, engine: podman, run: ["sleep", "300"] }, {
      ...context,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(new Error("enough")), 600);
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
  await t.step("a program that is not there is an error of its own", async () => {
    const error = await assertRejects(() => run({ run: ["nowhere"] }), KedgeError);
    assertStringIncludes(error.message, 'Cannot run "nowhere" in a container');
  });
});

for (const dryRun of [true, false]) {
  Deno.test(
    `${
      dryRun ? "a dry run of " : ""
    }inContainer() refuses what no container can have before the engine is asked`,
    async () => {
      const digest = `sha256:${"0".repeat(64)}` as Digest;
      const reference = "docker://127.0.0.1:1/nixos/nix:2.8.0";
      const base = {
        ...{ reference, digest, manifestDigest: digest, configDigest: digest },
        platform: "linux/amd64",
      };
      const taken = new ReadableStream<Uint8Array>();
      taken.getReader();
      const cases: [Partial<InContainerOptions>, string][] = [
        [{ mounts: [{ volume: "a/b", to: "/x" }] }, 'Cannot mount the volume "a/b": it is no name'],
        [{ mounts: [{ folder: "/a,b", to: "/x" }] }, 'Cannot mount "/a,b"'],
        [{ mounts: [{ folder: "/a", to: "x" }] }, 'Cannot mount at "x"'],
        [{ env: { "A-B": "x" } }, 'Cannot use the variable "A-B"'],
        [{ env: { HOME: new Secret("s3cr3t", "HOME", new Redactor()) } }, "Cannot pass a secret"],
        [
          { env: { A: "s3cr3t\0" } },
          'Cannot use "\\u0000" as env.A: it must be a text without NUL',
        ],
        [{ run: ["sh", "a\0b"] }, "Cannot use such a list as run: it must be a list of texts"],
        [{ stdin: taken }, "as stdin: it must be a stream that nobody else reads"],
        [{ workdir: "here" }, 'Cannot use "here" as workdir: it must be an absolute path'],
        // A task file may be run without its types being checked.
        ...([
          [{ run: "true" }, 'Cannot use "true" as run: it must be a list of texts'],
          [{ run: [] }, "Cannot run nothing in a container"],
          [{ run: ["sh", 1] }, "Cannot use such a list as run: it must be a list of texts"],
          [{ env: { A: 1 } }, "Cannot use 1 as env.A: it must be a text or a secret"],
          [{ env: null }, "Cannot use null as env: it must be an object"],
          [{ env: { A: undefined } }, "Cannot use undefined as env.A"],
          [{ network: "none" }, 'Cannot use "none" as network: it must be true or false'],
          [{ stdin: "text" }, 'Cannot use "text" as stdin: it must be bytes or a stream of them'],
          [{ onStdout: true }, "Cannot use true as onStdout: it must be a function"],
          [{ engine: "docker" }, 'Cannot use "docker" as engine: it must be an object'],
          [
            { engine: { kind: "nerdctl" } },
            'Cannot use "nerdctl" as kind of an engine: it must be podman or docker',
          ],
          [
            { mounts: { volume: "a", to: "/x" } },
            "Cannot use an object as mounts: it must be a list",
          ],
          [{ mounts: [{ to: "/x" }] }, "Cannot use an object as one of mounts"],
          [{ mounts: [null] }, "Cannot use null as one of mounts"],
          [
            { mounts: [{ volume: "a", folder: "/b", to: "/x" }] },
            "it must be a volume, or a folder, and where it goes to",
          ],
          [{ mounts: [{ volume: "a" }] }, "Cannot use an object as one of mounts"],
          [{ base: "docker://x/y" }, "as base: it must be what baseImage() gives"],
        ] as [Partial<InContainerOptions>, string][]),
      ];
      // No engine is there: one that is asked is an error of its own.
      const engine = { kind: "podman", program: "/nowhere/podman" } as const;
      for (const [options, message] of cases) {
        const error = await assertRejects(
          () => inContainer({ base, engine, run: ["sh"], ...options }, { dryRun }),
          UsageError,
        );
        assertStringIncludes(error.message, message);
      }
    },
  );
}

realTest(
  "inContainer() speaks docker's command line",
  [...containerPrograms, "docker"],
  async (t) => {
    await using ground = await ContainerGround.make();
    const { world, folder, context } = ground;
    await using service = await DockerService.start(world);
    const { engine } = service;
    const base = await ground.base();
    const run = async (script: string, options: Partial<InContainerOptions> = {}) =>
      (await inContainer({ base, engine, run: ["sh", "-c", script], ...options }, context)).stdout;

    await t.step("the image is brought, variables and secrets reach the program", async () => {
      const env = { TOKEN: new Secret("s3cr3t-token", "env TOKEN", new Redactor()), PLAIN: "a b" };
      const script = 'echo "$PLAIN $TOKEN"; pwd; cat >/dev/null';
      const stdin = new Uint8Array(10);
      const stdout = await run(script, { env, stdin, workdir: "/proc" });
      assertEquals(stdout, "a b [redacted]\n/proc\n");
    });
    await t.step("folders and volumes are mounted, to be read alone too", async () => {
      const docker = new ContainerEngine(engine);
      const { name } = await ensureVolume(docker, "kept");
      await Deno.writeTextFile(join(folder, "given"), "here\n");
      const mounts = [
        { volume: name, to: "/kept" },
        { folder: relative(Deno.cwd(), folder), to: "/given", readonly: true },
      ];
      assertEquals(
        await run("cat /given/given; cat /given/given >/kept/file", { mounts }),
        "here\n",
      );
      const reading = [{ volume: name, to: "/kept", readonly: true }];
      const script = "cat /kept/file; echo >/kept/file || echo no";
      assertEquals(await run(script, { mounts: reading }), "here\nno\n");
      assertEquals(await inspectVolume(docker, "none"), undefined);
    });
    await t.step("what docker refuses is said in its words, not in its advice", async () => {
      const error = await assertRejects(
        () => run("true", { engine: { ...engine, runArgs: ["--memory=none"] } }),
        KedgeError,
      );
      assertStringIncludes(error.message, "docker ended with code 125 (");
      assertStringIncludes(error.message, 'invalid argument "none" for "-m, --memory" flag');
    });
    await t.step("an abort leaves no container", async () => {
      const controller = new AbortController();
      const waiting = { run: ["sh", "-c", "trap exit TERM; echo up; while :; do read x; done"] };
      const stdin = new ReadableStream<Uint8Array>();
      const onStdout = () => controller.abort(new Error("enough"));
      await assertRejects(
        () =>
          inContainer({ base, engine, ...waiting, stdin, onStdout }, {
            ...context,
            signal: controller.signal,
          }),
        Error,
        "enough",
      );
      assertEquals(await world.engine.must(["ps", "--all", "--quiet"], "list"), "");
    });
  },
);

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
