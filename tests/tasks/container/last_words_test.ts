import { assertEquals, assertRejects } from "@std/assert";
import { KedgeError } from "../../../lib/base/errors.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { ContainerGround, containerPrograms } from "../../support/container_ground.ts";
import { realTest } from "../../support/real.ts";

const failures: readonly (readonly [printed: string, words: string])[] = [
  [
    "error: unable to download it\n(use '--show-trace' to show detailed location information)\n",
    " (error: unable to download it)",
  ],
  [
    "error: attribute 'y' missing\n\n       at «string»:1:12:\n\n            1| let f = x: x.y; in f {a=1;}\n" +
    "             |            ^\n       Did you mean a?\n",
    " (error: attribute 'y' missing)",
  ],
  [
    "error:\n       … while calling it\n\n       error: undefined variable 'y'\n       at /a.nix:1:9:\n",
    " (error: undefined variable 'y')",
  ],
  ["mv: no such file\n\n", " (mv: no such file)"],
  [
    'mv: no such file\ntime="2026-11-28T16:18:18Z" level=error ' +
    'msg="Waiting for container ae54a2: container has already been removed"\n',
    " (mv: no such file)",
  ],
  ["\n", ""],
];

realTest(
  "inContainer() says in the program's last words why it failed, not in an empty line, in one of podman, or below an error of Nix",
  containerPrograms,
  async () => {
    await using ground = await ContainerGround.make();
    const base = await ground.base();
    const engine = ground.world.options;
    for (const [printed, words] of failures) {
      const stdin = new TextEncoder().encode(printed);
      const error = await assertRejects(
        () =>
          inContainer(
            { base, engine, run: ["sh", "-c", "cat >&2; exit 3"], stdin },
            ground.context,
          ),
        KedgeError,
      );
      const state = "in a container: it ended with code 3";
      assertEquals(error.message.slice(error.message.indexOf(state)), `${state}${words}`);
    }
  },
);
