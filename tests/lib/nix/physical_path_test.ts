import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { physicalPath } from "../../../lib/nix/physical_path.ts";

Deno.test("physicalPath() finds the files of every store on this machine", () => {
  const found: [string | undefined, string][] = [
    [undefined, "/nix/store/x"],
    ["", "/nix/store/x"],
    ["auto", "/nix/store/x"],
    ["daemon", "/nix/store/x"],
    ["local", "/nix/store/x"],
    ["local?root=/mnt", "/mnt/nix/store/x"],
    ["local?root=/mnt/", "/mnt/nix/store/x"],
    ["local:///mnt", "/mnt/nix/store/x"],
    ["/mnt", "/mnt/nix/store/x"],
    ["local?real=/elsewhere&root=/mnt", "/elsewhere/x"],
    ["local?store=/nix/store&root=/c++%20%26%25/mnt", "/c++ &%/mnt/nix/store/x"],
    ["unix:///run/nix.sock", "/nix/store/x"],
  ];
  for (const [store, path] of found) {
    assertEquals(physicalPath("/nix/store/x", "/nix/store", store), path);
  }
  assertEquals(physicalPath("/gnu/store/x", "/gnu/store", "/mnt"), "/mnt/nix/store/x");
  assertThrows(
    () => physicalPath("/nix/store/x", "/nix/store", "ssh-ng://host?key=secret"),
    UsageError,
    'Cannot read from the store "ssh-ng://host?…"',
  );
});
