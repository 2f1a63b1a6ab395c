import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { cachePrune } from "../../../tasks/cache/cache.ts";
import { nixosAnywhere } from "../../../tasks/install/nixos_anywhere.ts";
import { bundleBytes } from "../../support/bundle.ts";
import { fakeNixosAnywhere } from "../../support/fake_nixos_anywhere.ts";
import { inFolder } from "../../support/in_folder.ts";
import { startOrigin } from "../../support/origin.ts";
import { runKedge } from "../../support/program.ts";

Deno.test("nixosAnywhere() keeps a bundle of the cache from being pruned that another process put there", () =>
  inFolder(async (folder) => {
    await using origin = startOrigin({ "/k.tar.gz": { body: bundleBytes() } });
    const cacheDir = join(folder, "cache");
    const fetched = await runKedge(["kexec", "--url", origin.url("/k.tar.gz")], { cacheDir });
    const kexec = fetched.stdout.trim();
    const fake = await fakeNixosAnywhere(folder, { script: `test -f '${kexec}' || exit 9` });
    const prune = async () => {
      await cachePrune({ maxSize: 1 }, { cache: new Cache(cacheDir) });
      return true;
    };
    const options = { flake: ".#web1", target: "root@web1", program: fake.program, kexec };
    await nixosAnywhere({ ...options, confirm: prune }, { cache: new Cache(cacheDir) });
    const { args } = await fake.onlyCall();
    assertEquals(args[args.indexOf("--kexec") + 1], kexec);
  }));
