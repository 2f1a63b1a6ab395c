import { assertEquals, assertRejects } from "@std/assert";
import { delay } from "@std/async";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { type MountedImage, mountImage } from "../../../lib/container/mounted_image.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

interface Ground {
  engine: ContainerEngine;
  /** What was noted where an image could not be given back. */
  left: string[];
  mount(signal?: AbortSignal): Promise<MountedImage>;
  /** The commands that were given, each with what it did. */
  commands(): Promise<string[]>;
  /** Waits until a command was given. */
  given(command: string): Promise<void>;
}

/** A podman of which both commands are what two lines of shell say. */
async function withPodman(
  { mount, unmount = "" }: { mount: string; unmount?: string },
  run: (ground: Ground) => Promise<void>,
): Promise<void> {
  await inFolder(async (dir) => {
    const log = join(dir, "log");
    await Deno.writeTextFile(log, "");
    const program = join(dir, "podman");
    const begin = `echo "$*" >>'${log}'\ncase "$2" in`;
    const body = `${begin}\nmount) ${mount};;\nunmount) ${unmount || ":"};;\nesac\n`;
    await writeProgram(program, `#!/bin/sh\n${body}`);
    const engine = new ContainerEngine({ kind: "podman", program });
    const left: string[] = [];
    const commands = async () => (await Deno.readTextFile(log)).trim().split("\n");
    await run({
      engine,
      left,
      commands,
      mount: (signal = new AbortController().signal) =>
        mountImage(engine, "abc", { onLeft: (message) => void left.push(message), signal }),
      async given(command) {
        while (!(await commands()).includes(command)) {
          await delay(5);
        }
      },
    });
  });
}

Deno.test("mountImage() gives an image back once", async () => {
  await withPodman({ mount: "echo /the/folder" }, async ({ mount, commands, left }) => {
    const image = await mount();
    assertEquals(image.folder, "/the/folder");
    await Promise.all([image[Symbol.asyncDispose](), image[Symbol.asyncDispose]()]);
    assertEquals(await image.giveBack(), true);
    assertEquals(await commands(), ["image mount abc", "image unmount abc"]);
    assertEquals(left, []);
  });
});

Deno.test("mountImage() gives nothing back where podman mounted nothing", async () => {
  const mount = "echo 'Error: abc: image not known' >&2; exit 125";
  await withPodman({ mount }, async ({ mount, commands }) => {
    await assertRejects(
      () => mount(),
      KedgeError,
      "Cannot mount the image abc: podman ended with code 125 (Error: abc: image not known)",
    );
    assertEquals(await commands(), ["image mount abc"]);
  });
});

Deno.test("mountImage() takes no name for a folder that leads from where the program runs", async () => {
  for (const [mount, what] of [[":", '""'], ["echo nix", '"nix"']] as const) {
    await withPodman({ mount }, async ({ mount, commands }) => {
      const error = await assertRejects(() => mount(), KedgeError);
      const expected = `Cannot mount the image abc: podman named no folder, but ${what}`;
      assertEquals(error.message, expected);
      assertEquals(await commands(), ["image mount abc", "image unmount abc"]);
    });
  }
});

Deno.test("mountImage() says that an image could not be given back, unless it is gone", async () => {
  const advice =
    "Cannot unmount the image abc: podman ended with code 125 (Error: no space left); " +
    "unmount it with podman image unmount abc";
  const cases: [string, boolean, string[]][] = [
    ["abc: image not known", false, []],
    ["no space left", true, [advice]],
  ];
  for (const [said, isThere, expected] of cases) {
    const unmount = `echo 'Error: ${said}' >&2; exit 125`;
    await withPodman({ mount: "echo /the/folder", unmount }, async ({ mount, left }) => {
      assertEquals(await (await mount()).giveBack(), isThere);
      assertEquals(left, expected);
    });
  }
});

Deno.test("an abort does not wait for podman, which mounts to the end, and gives the image back", async () => {
  await inFolder(async (dir) => {
    const go = join(dir, "go");
    const mount = `for _ in $(seq 1200); do [ -e '${go}' ] && break; sleep 0.05; done; echo /it`;
    await withPodman({ mount }, async (ground) => {
      const controller = new AbortController();
      const mounting = ground.mount(controller.signal);
      await ground.given("image mount abc");
      controller.abort(new Error("enough"));
      await assertRejects(() => mounting, Error, "enough");
      assertEquals(await ground.commands(), ["image mount abc"]);
      await Deno.writeTextFile(go, "");
      await ground.given("image unmount abc");
      await assertRejects(() => ground.mount(controller.signal), Error, "enough");
      assertEquals((await ground.commands()).length, 2);
    });
  });
});

/** Begins to mount an image in a process of its own, which goes on then for as long as it has something to do. */
function spawnMounting({ program }: ContainerEngine, then: string): Deno.ChildProcess {
  const module = new URL("../../../lib/container/mounted_image.ts", import.meta.url);
  const code = `
    import { ContainerEngine } from "${new URL("container_engine.ts", module)}";
    import { mountImage } from "${module}";
    const engine = new ContainerEngine({ kind: "podman", program: ${JSON.stringify(program)} });
    const controller = new AbortController();
    const mounting = mountImage(engine, "abc", { onLeft() {}, signal: controller.signal });
    ${then}
  `;
  return new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    stdin: "null",
    stdout: "piped",
  }).spawn();
}

for (const [when, mount] of [["is", ""], ["is being", "sleep 0.5;"]] as const) {
  Deno.test(`the end of a killed process gives back, once, what ${when} mounted`, async () => {
    await withPodman({ mount: `${mount} echo /the/folder` }, async (ground) => {
      const child = spawnMounting(
        ground.engine,
        "console.log((await mounting).folder); setInterval(() => {}, 1000);",
      );
      const reader = child.stdout.getReader();
      if (when === "is") await reader.read();
      else await ground.given("image mount abc");
      child.kill("SIGKILL");
      await child.status;
      await reader.cancel();
      await ground.given("image unmount abc");
      assertEquals(await ground.commands(), ["image mount abc", "image unmount abc"]);
    });
  });
}

Deno.test("a podman that hangs keeps no process from its end after an abort", async () => {
  await inFolder(async (dir) => {
    const go = join(dir, "go");
    // It does not hang for ever, so that a process that waits for it ends too.
    const mount = `for _ in $(seq 1200); do [ -e '${go}' ] && break; sleep 0.05; done; echo /it`;
    await withPodman({ mount }, async (ground) => {
      const { code, stdout } = await spawnMounting(
        ground.engine,
        `controller.abort("enough"); await mounting.catch((reason) => console.log(reason));`,
      ).output();
      await ground.given("image mount abc");
      const commands = await ground.commands();
      await Deno.writeTextFile(go, "");
      await ground.given("image unmount abc");
      assertEquals([code, new TextDecoder().decode(stdout)], [0, "enough\n"]);
      assertEquals(commands, ["image mount abc"]);
    });
  });
});
