import { assert, assertEquals } from "@std/assert";
import { NotAllowedError } from "../../../lib/base/errors.ts";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";

const engine = new ContainerEngine({ kind: "podman", program: "podman" });

Deno.test("ContainerEngine.failed() says what a podman of an ordinary user lacks", () => {
  const stderr =
    'Error: command required for rootless mode with multiple IDs: exec: "newuidmap": ' +
    "executable file not found in $PATH\n";
  const error = engine.failed("look for the image", 125, stderr);
  assertEquals(
    error.hint,
    "podman of an ordinary user needs newuidmap and newgidmap; install uidmap",
  );
});

Deno.test("ContainerEngine.failed() takes a newuidmap that may not do it for a matter of rights", () => {
  const stderr = "newuidmap: write to uid_map failed: Operation not permitted\n";
  const error = engine.failed("look for the image", 125, stderr);
  assert(error instanceof NotAllowedError);
});
