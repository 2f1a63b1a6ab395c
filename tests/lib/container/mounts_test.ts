import { assertEquals } from "@std/assert";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { containerArguments, type ContainerMount } from "../../../lib/container/run_container.ts";

Deno.test("containerArguments() mounts what a mount names, be the other said to be undefined or not there", () => {
  const engine = new ContainerEngine({ kind: "podman", program: "podman" });
  const flags = (mounts: readonly ContainerMount[]) =>
    containerArguments(engine, { run: ["true"], mounts })
      .filter((each) => each.startsWith("--mount="));
  assertEquals(
    flags([
      { folder: "/src", volume: undefined, to: "/a", readonly: undefined },
      { volume: "nix", folder: undefined, to: "/nix", readonly: true },
    ]),
    [
      "--mount=type=bind,source=/src,destination=/a",
      "--mount=type=volume,source=nix,destination=/nix,ro",
    ],
  );
});
