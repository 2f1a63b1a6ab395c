import { assertRejects } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { chunkerFor } from "../../../lib/chunk/chunker.ts";
import { TableBuilder } from "../../../lib/chunk/table_builder.ts";
import { planPush, type PlanPushOptions } from "../../../lib/disk/plan_push.ts";
import { choosePushChunker } from "../../../lib/disk/pushed_file.ts";
import type { Step } from "../../../lib/operation/operation.ts";

Deno.test("planPush() refuses more chunks than an index holds, before anything is packed", async () => {
  const chunker = chunkerFor("fixed", 0);
  const builder = new TableBuilder(chunker);
  builder.hole(chunker.avgBytes);
  const table = { ...builder.table(), lengths: new Uint32Array(2 ** 22 + 1) };
  await assertRejects(
    () => planPush({ table } as PlanPushOptions, {} as Step),
    UsageError,
    "more than an index holds",
  );
});

Deno.test("choosePushChunker() refuses a file larger than an index can describe, before it is read", async () => {
  for (const like of [undefined, chunkerFor("cdc", 0)]) {
    await assertRejects(
      () =>
        choosePushChunker("/none/at/all", 2 ** 46 + 1, {
          chunker: "auto",
          chunkBytes: undefined,
          like,
        }),
      UsageError,
      "more than 64 TiB",
    );
  }
});
