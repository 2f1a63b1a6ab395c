/** What the task functions of stores and catalogs say of options that no compiler checked. */
import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { publish, type PublishOptions } from "../../../tasks/publish/publish.ts";
import {
  publishKeygen,
  publishPrune,
  publishRollback,
  publishVerify,
} from "../../../tasks/publish/after.ts";
import { catalogList, catalogShow } from "../../../tasks/publish/catalog.ts";

const whole = {
  name: "acme",
  version: "1",
  paths: ["/nowhere"],
  stores: ["file:///nowhere/store"],
  catalog: "sqlite:///nowhere/catalog.db",
};

/** What is said of options that may be anything. */
async function refusal(run: (options: never) => Promise<unknown>, options: unknown) {
  const error = await assertRejects(() => run(options as never), UsageError);
  return error.message;
}

for (
  const [option, value, message] of [
    ["name", undefined, "Cannot use undefined as name: it must be a text"],
    ["version", 1, "Cannot use 1 as version: it must be a text"],
    ["paths", "./result", 'Cannot use "./result" as paths: it must be a list of texts'],
    ["stores", undefined, "Cannot use undefined as stores: it must be a list of texts"],
    [
      "catalog",
      {},
      "Cannot use an object as catalog: it must be a URI or a catalog of your own with find()",
    ],
    ["level", "3", 'Cannot use "3" as level: it must be a number'],
    ["verify", "most", 'Cannot use "most" as verify: it must be "present" or "full"'],
    [
      "proofMaxAgeMs",
      "5m",
      'Cannot use "5m" as proofMaxAgeMs: it must be a number of milliseconds',
    ],
    ["replace", "yes", 'Cannot use "yes" as replace: it must be true or false'],
    [
      "signingKey",
      "acme-1:c2VjcmV0",
      "Cannot use the signingKey: it must be { file }, { env }, { command } or a secret",
    ],
  ] as const
) {
  Deno.test(`publish() refuses ${String(value)} as ${option}`, async () => {
    const options = { ...whole, [option]: value } as unknown as PublishOptions;
    assertEquals(await refusal(publish, options), message);
  });
}

Deno.test("the task functions after a publish refuse to have no options, and name the one that is wrong", async () => {
  const { catalog, stores } = whole;
  const missing = "Cannot use undefined as options: they must be an object";
  for (
    const run of [
      publish,
      publishVerify,
      publishRollback,
      publishPrune,
      publishKeygen,
      catalogList,
      catalogShow,
    ]
  ) {
    assertEquals(await refusal(run, undefined), missing, run.name);
  }
  for (
    const [run, options, option] of [
      [publishVerify, { catalog }, "undefined as entry"],
      [publishVerify, { catalog, entry: "a", depth: "deep" }, '"deep" as depth'],
      [publishRollback, { catalog, name: 4 }, "4 as name"],
      [publishPrune, { catalog, stores: stores[0], keep: 1 }, '"file:///nowhere/store" as stores'],
      [publishPrune, { catalog, stores, keep: "1" }, '"1" as keep'],
      [publishKeygen, { name: "acme-1" }, "undefined as file"],
      [catalogList, {}, "undefined as catalog"],
      [catalogShow, { catalog }, "undefined as entry"],
    ] as const
  ) {
    const message = await refusal(run, options);
    assertEquals(message.startsWith(`Cannot use ${option}: it must be `), true, message);
  }
});
