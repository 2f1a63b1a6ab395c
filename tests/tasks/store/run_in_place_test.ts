import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { Cache } from "../../../lib/cache/cache.ts";
import { KedgeError, NotAllowedError } from "../../../lib/base/errors.ts";
import type { Plan } from "../../../lib/operation/figures.ts";
import { resolveContext } from "../../../lib/runner/context.ts";
import { nixPlace } from "../../../tasks/store/nix_place.ts";
import { runInPlace } from "../../../tasks/store/run_in_place.ts";
import { inFolder } from "../../support/in_folder.ts";

/** What is thrown where the plan of an operation on a folder ends with something. */
async function thrownWhere(
  end: (folder: string) => unknown,
): Promise<{ thrown: unknown; folder: string }> {
  let found: { thrown: unknown; folder: string } | undefined;
  await inFolder(async (dir) => {
    const folder = join(dir, "nix");
    const context = resolveContext({ cache: new Cache(join(dir, "cache")) });
    const place = await nixPlace({ folder }, undefined, context);
    const never = () => Promise.reject(new Error("there was no plan"));
    const running = runInPlace<Plan, void, Record<string, never>>(place, {
      kind: "test",
      subject: "test",
      plan: () => Promise.reject(end(folder)),
      move: never,
      verify: never,
      commit: never,
      standing: () => ({}),
    }, context);
    const thrown = await running.then(() => "nothing", (error: unknown) => error);
    found = { thrown, folder };
  });
  return found!;
}

Deno.test("runInPlace() throws what an abort was given, whatever that is", async () => {
  for (const reason of ["enough", null, undefined, 5, { message: "enough" }, new Error("enough")]) {
    assertEquals((await thrownWhere(() => reason)).thrown, reason);
  }
});

Deno.test("runInPlace() says of which place the system refuses something", async () => {
  const cases = [
    [(path: string) => new Deno.errors.PermissionDenied(`no: '${path}'`), NotAllowedError],
    [(path: string) => new Deno.errors.PermissionDenied(`no: '${path}/store'`), NotAllowedError],
    ...["ELOOP", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST"].map((code) =>
      [(path: string) => Object.assign(new Error(`no: '${path}'`), { code }), KedgeError] as const
    ),
  ] as const;
  for (const [refusal, kind] of cases) {
    const { thrown, folder } = await thrownWhere(refusal);
    assertThrows(() => fail(thrown), kind, `Cannot use the folder "${folder}": `);
  }
  const elsewhere = (path: string) => new Deno.errors.PermissionDenied(`no: '${path}-2'`);
  const { thrown, folder } = await thrownWhere(elsewhere);
  assertEquals((thrown as Error).message, elsewhere(folder).message);
});

function fail(thrown: unknown): never {
  throw thrown;
}
