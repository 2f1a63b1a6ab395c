import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { thrownAt } from "../../../lib/base/thrown_at.ts";

const here = fromFileUrl(import.meta.url);

/** What work of this file throws. */
async function thrownBy(work: () => unknown): Promise<Error> {
  try {
    await work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

/** The file of a place. */
function fileOf(place: string | undefined): string | undefined {
  return place?.replace(/:\d+:\d+$/, "");
}

Deno.test("thrownAt() tells the line of a task file that threw, also by a call of Deno", async () => {
  const plain = await thrownBy(() => {
    throw new Error("a message\n    at https://example.com/not.ts:1:1");
  });
  assertEquals(fileOf(thrownAt(plain)), here);
  for (
    const work of [
      () => (JSON.parse("null") as { a: string }).a,
      () => new URL("no URL"),
      async () => await Deno.readTextFile("/nowhere/to/be/found"),
    ]
  ) {
    assertEquals(fileOf(thrownAt(await thrownBy(work))), here);
  }
});

Deno.test("thrownAt() tells nothing of what kedge or a package threw, or of what has no stack", () => {
  const thrown = (...frames: string[]) =>
    Object.assign(new Error("x"), { stack: ["Error: x", ...frames].join("\n") });
  const own = new URL("../../../lib/a.ts", import.meta.url).href;
  for (
    const frame of [
      `    at f (${own}:1:2)`,
      "    at f (https://jsr.io/@kedge/kedge/0.1.0/lib/a.ts:1:2)",
      "    at f (file:///home/user/.cache/deno/npm/registry.npmjs.org/dax/0.49.0/mod.js:1:2)",
      "    at f (file:///project/node_modules/dax/mod.js:1:2)",
    ]
  ) {
    assertEquals(thrownAt(thrown(frame, "    at g (file:///project/tasks.ts:3:4)")), undefined);
  }
  const below = thrown(
    "    at async f (ext:deno_fs/30_fs.js:1:2)",
    "    at async file:///a%20b/tasks.ts:3:4",
  );
  assertEquals(thrownAt(below), "/a b/tasks.ts:3:4");
  const named = thrown("    at Object.run (file:///a%20(old)/tasks.ts:3:4)");
  assertEquals(thrownAt(named), "/a (old)/tasks.ts:3:4");
  assertEquals(thrownAt(thrown()), undefined);
  assertEquals(thrownAt(new KedgeError("x")), undefined);
});

Deno.test("thrownAt() tells the line of a project that lies below a folder named npm", () => {
  for (const path of ["/home/me/npm/tasks.ts", "/srv/npm/registry.acme.dev/deploy/tasks.ts"]) {
    const stack = `Error: x\n    at file://${path}:3:4`;
    assertEquals(thrownAt(Object.assign(new Error("x"), { stack })), `${path}:3:4`);
  }
});

Deno.test("thrownAt() goes by the frames of an error whose words were changed since, and tells nothing of a stack that is none", async () => {
  const changed = await thrownBy(() => {
    throw new Error("x");
  });
  // Once somebody looked at a stack it keeps the words of then.
  assert(changed.stack);
  changed.message = `Cannot deploy ${"web1, ".repeat(500)}: ${changed.message}`;
  assertEquals(fileOf(thrownAt(changed)), here);
  for (
    const stack of [[], 3, {}, "Error: x\n    at f (file:///%ff/tasks.ts:3:4)"]
  ) {
    assertEquals(thrownAt(Object.assign(new Error("x"), { stack })), undefined);
  }
});
