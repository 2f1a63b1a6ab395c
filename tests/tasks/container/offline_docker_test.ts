import { assertRejects } from "@std/assert";
import { join } from "@std/path";
import { UnreachableError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { baseImage } from "../../../tasks/base_image/base_image.ts";
import { inContainer } from "../../../tasks/container/in_container.ts";
import { busyboxLayer } from "../../support/busybox.ts";
import { fakeDocker } from "../../support/fake_docker.ts";
import { inFolder } from "../../support/in_folder.ts";
import { pushNixImage } from "../../support/nix_image.ts";
import { realTest } from "../../support/real.ts";
import { startRegistry } from "../../support/registry.ts";

realTest(
  "inContainer() offline is refused in a dry run as in the run, where docker would have to fetch the image",
  ["docker-registry", "busybox"],
  () =>
    inFolder(async (folder) => {
      await using registry = await startRegistry();
      const layers = [await busyboxLayer(folder)];
      await pushNixImage(folder, registry.host, "2.8.0", [{ label: "2.8.0", layers }]);
      const context = { cache: new Cache(join(folder, "cache")) };
      const repository = `${registry.host}/nixos/nix`;
      const base = await baseImage({ nixVersion: "2.8.0", repository }, context);
      const program = await fakeDocker(folder, { byManifest: true });
      const engine = { kind: "docker" as const, program };
      for (const dryRun of [false, true]) {
        const run = () =>
          inContainer({ base, engine, run: ["true"] }, { ...context, offline: true, dryRun });
        await assertRejects(run, UnreachableError, "into docker: no registry may be asked");
      }
    }),
);
