/** A reader is told that an engine is long about what it is asked. */
import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { type AskEngineOptions, ContainerEngine } from "../../../lib/container/container_engine.ts";
import { inspectImage } from "../../../lib/container/engine_image.ts";
import { ensureVolume, inspectVolume } from "../../../lib/container/engine_volume.ts";
import { EngineStore } from "../../../lib/container/engine_store.ts";
import type { TaskContextOptions } from "../../../lib/runner/context.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { syncImage } from "../../../tasks/image/image.ts";
import { pruneStore } from "../../../tasks/store/store.ts";
import { FakeRegistry } from "../../support/fake_registry.ts";
import { inFolder } from "../../support/in_folder.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { writeProgram } from "../../support/program_file.ts";

/** An engine that answers nothing before somebody was told that it is waited for, and then that it has nothing. */
async function slowEngine(folder: string): Promise<{ program: string; onWait: () => void }> {
  const program = join(folder, "podman");
  const told = join(folder, "told");
  await writeProgram(
    program,
    `#!/bin/sh
until [ -e '${told}' ]; do sleep 0.02; done
echo "Error: no such $1 here" >&2
exit 1
`,
  );
  return { program, onWait: () => Deno.writeTextFileSync(told, "") };
}

Deno.test("an engine's questions tell what is waited for", async () => {
  const questions: [string, (engine: ContainerEngine, options: object) => Promise<unknown>][] = [
    ["the image", (engine, options) => inspectImage(engine, "nix", options)],
    ["the volume", (engine, options) => inspectVolume(engine, "nix", options)],
    [
      "the volume",
      (engine, options) => assertRejects(() => ensureVolume(engine, "nix", options), KedgeError),
    ],
  ];
  for (const [what, ask] of questions) {
    await inFolder(async (folder) => {
      const { program, onWait } = await slowEngine(folder);
      const notes: string[] = [];
      const engine = new ContainerEngine({ kind: "podman", program });
      await ask(engine, {
        patienceMs: 1,
        onWait(message: string) {
          notes.push(message);
          onWait();
        },
      });
      assertEquals(notes[0], `waiting for podman, which was asked for ${what} "nix"`);
    });
  }
});

/** One that is given more time than the busiest machine takes to start a program. */
class PatientlyAsked extends ContainerEngine {
  override ask(what: string, args: readonly string[], options: AskEngineOptions) {
    return super.ask(what, args, { ...options, patienceMs: 600_000 });
  }
}

Deno.test("an engine that answers at once is not said to be waited for", async () => {
  await inFolder(async (folder) => {
    const { program, onWait } = await slowEngine(folder);
    onWait();
    const engine = new PatientlyAsked({ kind: "podman", program });
    const notes: string[] = [];
    const store = new EngineStore(engine, (message) => notes.push(message));
    const { signal } = new AbortController();
    assertEquals(await store.find("nix", signal), undefined);
    assertEquals(notes, []);
  });
});

Deno.test("all tasks that ask an engine tell that it is waited for", async () => {
  await inFolder(async (folder) => {
    await using registry = new FakeRegistry();
    const repository = `${registry.host}/nixos/nix`;
    await pushNixImage(folder, registry.host, "2.8.0", [{ label: "2.8.0" }]);
    const cache = new Cache(join(folder, "cache"));
    const wanted = { nixVersion: "2.8.0", repository };
    const base = await baseImage(wanted, { cache });
    const asking = async (
      name: string,
      ask: (context: TaskContextOptions, program: string) => Promise<unknown>,
    ) => {
      const own = join(folder, name);
      await Deno.mkdir(own);
      const { program, onWait } = await slowEngine(own);
      const notes: string[] = [];
      await assertRejects(() =>
        ask({
          cache,
          report(event) {
            if (event.type !== "note" || !event.message.startsWith("waiting for")) return;
            notes.push(event.message);
            onWait();
          },
        }, program), KedgeError);
      return [name, notes[0]];
    };
    const held = base.configDigest.slice("sha256:".length);
    const from = `docker://${repository}:2.8.0`;
    assertEquals(
      await Promise.all([
        asking(
          "base-image",
          (context, program) =>
            baseImage({ ...wanted, to: "podman:nix", engines: { podman: { program } } }, {
              ...context,
              offline: true,
            }),
        ),
        asking(
          "container",
          (context, program) =>
            inContainer({ base, run: ["nix"], engine: { kind: "podman", program } }, {
              ...context,
              offline: true,
            }),
        ),
        asking(
          "image",
          (context, program) =>
            syncImage({ from, to: "podman:nix", engines: { podman: { program } } }, context),
        ),
        asking(
          "prune",
          (context, program) =>
            pruneStore(
              { in: { volume: "nix" }, keep: 0, engine: { kind: "podman", program } },
              context,
            ),
        ),
      ]),
      [
        ["base-image", 'waiting for podman, which was asked for the image "nix:latest"'],
        ["container", `waiting for podman, which was asked for the image "${held}"`],
        ["image", 'waiting for podman, which was asked for the image "nix:latest"'],
        ["prune", 'waiting for podman, which was asked for the volume "nix"'],
      ],
    );
  });
});
