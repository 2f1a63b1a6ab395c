import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { endLeftContainers } from "../../../lib/container/left_containers.ts";
import { runContainer } from "../../../lib/container/run_container.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

Deno.test({
  name:
    "runContainer() takes what failed for the engine's own where the engine tells of no events in time",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const program = join(folder, "docker");
      // A docker whose clock is behind this machine's waits for the end of the time that is asked for.
      const script =
        'case $1 in events) exec sleep 300 ;; *) echo "Error: mine" >&2; exit 125 ;; esac';
      await writeProgram(program, `#!/bin/sh\n${script}\n`);
      const engine = new ContainerEngine({ kind: "docker", program });
      const error = await assertRejects(
        () => runContainer(engine, { image: "image", run: ["true"], eventsMs: 10 }),
        KedgeError,
      );
      assertStringIncludes(error.message, "docker ended with code 125 (Error: mine)");
      const controller = new AbortController();
      const running = runContainer(engine, {
        image: "image",
        run: ["true"],
        onStderr: () => setTimeout(() => controller.abort(new Error("enough")), 50),
        signal: controller.signal,
      });
      await assertRejects(() => running, Error, "enough");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "runContainer() ends on an abort also where the engine hangs, and tells what it left",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const program = join(folder, "docker");
      const script = "case $1 in run) echo up ;; esac\nexec sleep 300";
      await writeProgram(program, `#!/bin/sh\n${script}\n`);
      const engine = new ContainerEngine({ kind: "docker", program });
      const controller = new AbortController();
      const left: string[] = [];
      const running = runContainer(engine, {
        image: "image",
        run: ["true"],
        onStdout: () => controller.abort(new Error("enough")),
        onLeft: (message) => left.push(message),
        removeMs: 10,
        signal: controller.signal,
      });
      await assertRejects(() => running, Error, "enough");
      const [message = "", ...more] = left.map((each) => each.replaceAll(/kedge-[^ "]*/g, "NAME"));
      assertEquals(
        message,
        'Cannot remove the container "NAME": docker does not answer; ' +
          "remove it with docker rm --force NAME",
      );
      assertEquals(more, []);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name:
    "endLeftContainers() goes on where the engine does not end one container, or does not remove it",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const own = ownIdentity();
      const dead = formatIdentity({ ...own, start: own.start + 1 });
      const names = [1, 2].map(() => `kedge-${dead}-${crypto.randomUUID()}`);
      const program = join(folder, "docker");
      const [first = ""] = names;
      const script = `case "$*" in ps*) echo '${names.join("\n")}' ;; ` +
        `rm*${first}) echo 'it is stuck' >&2; exit 1 ;; stop*) exec sleep 300 ;; esac`;
      await writeProgram(program, `#!/bin/sh\n${script}\n`);
      const notes: string[] = [];
      await endLeftContainers(new ContainerEngine({ kind: "docker", program }), {
        onNote: (message) =>
          notes.push(message.replaceAll(dead, "DEAD").replace(/-[0-9a-f-]{36}/g, "")),
        stopMs: 10,
        signal: new AbortController().signal,
      });
      assertEquals(notes, [
        'Cannot remove the container "kedge-DEAD": it is stuck; remove it with docker rm --force kedge-DEAD',
        'ended the container "kedge-DEAD", which a run that was killed had left',
      ]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "endLeftContainers() does not wait for an engine that does not answer",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const program = join(folder, "docker");
      await writeProgram(program, "#!/bin/sh\nexec sleep 300\n");
      const notes: string[] = [];
      const engine = new ContainerEngine({ kind: "docker", program });
      const onNote = (message: string) => notes.push(message);
      const { signal } = new AbortController();
      await endLeftContainers(engine, { onNote, listMs: 10, signal });
      assertEquals(notes, ["Cannot look for containers that were left: docker does not answer"]);
    }),
});
