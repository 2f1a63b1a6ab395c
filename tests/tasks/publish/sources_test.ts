import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { Cache } from "../../../lib/cache/cache.ts";
import { SqliteCatalog } from "../../../lib/catalog/sqlite_catalog.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import { thisSystem } from "../../../tasks/publish/this_system.ts";
import { type NixWorld, startNix } from "../../support/nix.ts";
import { writeProgram } from "../../support/program_file.ts";
import { realTest } from "../../support/real.ts";

/** A world with a flake of no inputs: a library, and a program with two outputs that needs it; nothing of it is built yet. */
async function withFlake(): Promise<
  AsyncDisposable & { world: NixWorld; flake: string; options: PublishOptions; cache: Cache }
> {
  const world = await startNix();
  const flake = join(world.dir, "flake");
  await Deno.mkdir(flake);
  await Deno.writeTextFile(
    join(flake, "flake.nix"),
    `{
  outputs = { self }: let
    system = "${thisSystem()}";
    make = name: outputs: script: derivation {
      inherit name system outputs;
      builder = "/bin/sh";
      PATH = "/usr/bin:/bin";
      args = [ "-c" script ];
    };
    library = make "library" [ "out" ] "echo library > $out";
  in {
    packages.\${system} = {
      inherit library;
      program = make "program" [ "out" "doc" ] "echo \${library} > $out; echo words > $doc";
      broken = make "broken" [ "out" ] "echo this cannot be built >&2; exit 1";
    };
  };
}
`,
  );
  return {
    world,
    flake,
    options: {
      name: "program",
      version: "1",
      paths: [],
      stores: [`file://${world.dir}/cache`],
      catalog: `sqlite://${world.dir}/catalog.db`,
      nix: { env: world.env },
    },
    cache: new Cache(join(world.dir, "kedge-cache")),
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

realTest("publish() builds a flake output and publishes all of its closure", ["nix"], async () => {
  await using ground = await withFlake();
  const { world, flake, options, cache } = ground;
  const result = await publish({ ...options, paths: [`path:${flake}#program`] }, { cache });
  const [program = ""] = result.storePaths;
  // Nix builds the first output of what names no other ones to install.
  assertEquals(result.storePaths.length, 1);
  assert(program.endsWith("-program"));
  assertEquals([result.changed, result.closurePaths], [true, 2]);
  const library = (await Deno.readTextFile(program)).trim();

  // Whoever has neither flake nor store gets it from the cache, with all that it needs.
  await using reader = await startNix();
  const env = { NIX_STORE_DIR: world.storeDir };
  await world.run("nix-store", ["--delete", ...result.storePaths, library]);
  const from = ["copy", "--no-check-sigs", "--from", options.stores[0]!];
  await reader.run("nix", [...from, program], env);
  assertEquals(await Deno.readTextFile(library), "library\n");

  // It is built again then, and found in the store.
  const again = await publish({ ...options, paths: [`path:${flake}#program`] }, { cache });
  assertEquals([again.changed, again.storePaths], [false, result.storePaths]);
});

realTest("publish() builds the outputs of a derivation", ["nix"], async () => {
  await using ground = await withFlake();
  const { world, flake, options, cache } = ground;
  const show = ["show-derivation", `path:${flake}#program`];
  const [drv] = Object.keys(JSON.parse(await world.run("nix", show)));
  assert(drv !== undefined && drv.endsWith("-program.drv"));
  const result = await publish({ ...options, paths: [drv] }, { cache });
  assertEquals(result.storePaths.map((path) => path.replace(/^.*\/[a-z0-9]{32}-/, "")).sort(), [
    "program",
    "program-doc",
  ]);
  assertEquals(result.closurePaths, 3);
});

realTest(
  "publish() builds nothing in a dry run, and says what it does not know",
  ["nix"],
  async () => {
    await using ground = await withFlake();
    const { flake, options, cache } = ground;
    const paths = [`path:${flake}#program`];
    const error = await assertRejects(
      () => publish({ ...options, paths }, { cache, dryRun: true }),
      KedgeError,
    );
    assertStringIncludes(error.message, "it is not in the Nix store");
  },
);

realTest(
  "publish() tells why a flake output cannot be built, and commits nothing",
  ["nix"],
  async () => {
    await using ground = await withFlake();
    const { world, flake, options, cache } = ground;
    for (const [name, words] of [["broken", "failed"], ["gone", "does not provide attribute"]]) {
      const error = await assertRejects(
        () => publish({ ...options, paths: [`path:${flake}#${name}`] }, { cache }),
        KedgeError,
        `Cannot build "path:${flake}#${name}": nix ended with code 1`,
      );
      assertStringIncludes(error.message, words!);
      assertEquals(error.exitCode, 1);
    }
    await using catalog = new SqliteCatalog({ path: join(world.dir, "catalog.db") });
    assertEquals(await catalog.list(), []);
  },
);

realTest(
  "publish() names the form of the answer to a Nix that insists on it",
  ["nix"],
  async () => {
    await using ground = await withFlake();
    const { world, options, cache } = ground;
    const { top } = await world.build([{ name: "leaf" }, { name: "top", needs: ["leaf"] }]);
    const program = join(world.dir, "strict-nix");
    const asked = join(world.dir, "asked");
    await writeProgram(
      program,
      `#!/bin/sh
case " $* " in
  *" path-info "*" --json-format 1 "*) echo yes >> '${asked}' ;;
  *" path-info "*) echo "error: --json-format must be given" >&2; exit 1 ;;
esac
for word; do
  shift
  case "$word" in --json-format|1) ;; *) set -- "$@" "$word" ;; esac
done
exec nix "$@"
`,
    );
    const nix = { ...options.nix, program };
    const result = await publish({ ...options, paths: [top!], nix }, { cache });
    assertEquals(result.closurePaths, 2);
    assertEquals(await Deno.readTextFile(asked), "yes\n");
  },
);
