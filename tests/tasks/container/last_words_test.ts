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
  ["mv: no such file\n\n", " (mv: no such file)"],
  ["\n", ""],
];

realTest(
  "inContainer() says in the program's last words why it failed, not in an empty line or in Nix's advice",
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
