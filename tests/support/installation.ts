/** An installation by a stand-in for nixos-anywhere. @module */
import { join } from "@std/path";
import { Redactor } from "../../lib/base/redactor.ts";
import { Cache } from "../../lib/cache/cache.ts";
import type { OperationEvent } from "../../lib/operation/event.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { nixosAnywhere } from "../../tasks/install/nixos_anywhere.ts";
import type { NixosAnywhereOptions } from "../../tasks/install/nixos_anywhere_options.ts";
import {
  type FakeBehaviour,
  type FakeNixosAnywhere,
  fakeNixosAnywhere,
} from "./fake_nixos_anywhere.ts";

interface World {
  folder: string;
  fake: FakeNixosAnywhere;
  notes: string[];
  events: OperationEvent[];
  ctx: TaskContextOptions;
  install(
    options?: Partial<NixosAnywhereOptions>,
    ctx?: TaskContextOptions,
  ): ReturnType<typeof nixosAnywhere>;
}

/** A test with a nixos-anywhere that behaves as it is told. */
export function fakeTest(
  name: string,
  behaviour: FakeBehaviour,
  run: (world: World) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
    const fake = await fakeNixosAnywhere(folder, behaviour);
    const notes: string[] = [];
    const events: OperationEvent[] = [];
    const ctx: TaskContextOptions = {
      cache: new Cache(join(folder, "cache")),
      redactor: new Redactor(),
      report: (event) => {
        events.push(event);
        if (event.type === "note") notes.push(event.message);
      },
    };
    const install: World["install"] = (options = {}, more = {}) =>
      nixosAnywhere({
        flake: ".#web1",
        target: "root@web1",
        program: fake.program,
        ...options,
      }, { ...ctx, ...more });
    try {
      await run({ folder, fake, notes, events, ctx, install });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
