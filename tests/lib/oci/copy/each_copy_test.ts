import { assert, assertEquals, assertRejects } from "@std/assert";
import { eachCopy } from "../../../../lib/oci/copy/each_copy.ts";
import { fixedLimit, Pace, tighter } from "../../../../lib/http/pace.ts";
import { pooled } from "../../../../lib/oci/pooled.ts";

const { signal } = new AbortController();

/** Copies lists of images with some blobs each from a registry, and gives the most blobs that were under way at a time. */
async function mostAtOnce(pace: Pace, images: number, onBlob: () => void): Promise<number> {
  const copies = Array.from({ length: images }, () => ({
    source: { limit: pace },
    destination: { limit: fixedLimit(16) },
  }));
  let underWay = 0;
  let most = 0;
  await eachCopy(copies, signal, async ({ source, destination }, inner) => {
    await pooled(Array(5).keys(), tighter(source.limit, destination.limit), inner, async (blob) => {
      most = Math.max(most, ++underWay);
      for (let turn = 0; turn <= blob; turn++) await Promise.resolve();
      onBlob();
      underWay--;
    });
  });
  return most;
}

for (const limit of [1, 2, 3, 4, 7, 8, 16, 100]) {
  Deno.test(`eachCopy(): a list asks for at most ${limit} at a time, as one image does`, async () => {
    const pace = new Pace(limit, limit);
    let blobs = 0;
    const most = await mostAtOnce(pace, 20, () => blobs++);
    assertEquals(blobs, 100);
    assert(most <= limit, `${most} were under way`);
    assert(most >= Math.min(limit, 8), `only ${most} were under way`);
    assertEquals(pace.now, limit, "nobody shares it afterwards");
  });
}

Deno.test("eachCopy(): one image has the whole limit, and a registry that is both sides is shared once", async () => {
  const pace = new Pace(12, 12);
  const seen: number[] = [];
  await eachCopy([{ source: { limit: pace }, destination: { limit: pace } }], signal, () => {
    seen.push(pace.now);
    return Promise.resolve();
  });
  assertEquals(seen, [12]);
});

Deno.test("eachCopy() gives what it shared back where a copy fails", async () => {
  const pace = new Pace(12, 12);
  const copies = Array(3).fill({ source: { limit: pace }, destination: { limit: pace } });
  await assertRejects(
    () => eachCopy(copies, signal, () => Promise.reject(new Error("no"))),
    Error,
    "no",
  );
  assertEquals(pace.now, 12);
});
