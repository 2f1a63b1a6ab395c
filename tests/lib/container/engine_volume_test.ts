import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { ContainerEngine } from "../../../lib/container/container_engine.ts";
import { type EngineVolume, inspectVolume } from "../../../lib/container/engine_volume.ts";
import { inFolder } from "../../support/in_folder.ts";
import { writeProgram } from "../../support/program_file.ts";

const plain = { folder: "/volumes/nix/_data" };
const cases: [string, Record<string, unknown>, Omit<EngineVolume, "name">][] = [
  ["without options", {}, plain],
  ["of docker", { Driver: "local", Options: null }, plain],
  ["with an owner", { Driver: "local", Options: { UID: "1000", o: "uid=1000" } }, plain],
  ["with a size", { Options: { type: "", device: "", o: "size=10G" } }, plain],
  ["that is bound", { Options: { type: "none", o: "bind", device: "/data" } }, { folder: "/data" }],
  ["that is bound, without a type", { Options: { o: "ro,rbind", device: "/data" } }, {
    folder: "/data",
  }],
  // podman needs no further option to bind.
  ["that is of type bind", { Options: { type: "bind", device: "/data" } }, { folder: "/data" }],
  ["of a server", { Options: { type: "nfs", o: "addr=store.example", device: ":/nix" } }, {
    ...plain,
    mounted: '":/nix" (nfs)',
  }],
  ["of a disk", { Options: { device: "/dev/sdb1" } }, { ...plain, mounted: '"/dev/sdb1" (none)' }],
  ["of a driver with such options", {
    Driver: "rclone",
    Options: { type: "none", o: "bind", device: "/data" },
  }, { ...plain, mounted: 'what its driver "rclone" has' }],
  ["of a driver", { Driver: "rclone" }, { ...plain, mounted: 'what its driver "rclone" has' }],
];

for (const [what, described, expected] of cases) {
  Deno.test(`inspectVolume() says where the files of a volume ${what} are`, async () => {
    await inFolder(async (dir) => {
      const program = join(dir, "podman");
      const answer = JSON.stringify([{ Name: "nix", Mountpoint: plain.folder, ...described }]);
      await writeProgram(program, `#!/bin/sh\ncat <<'END'\n${answer}\nEND\n`);
      const engine = new ContainerEngine({ kind: "podman", program });
      assertEquals(await inspectVolume(engine, "nix"), { name: "nix", ...expected });
    });
  });
}
