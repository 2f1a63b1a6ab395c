import { assertEquals } from "@std/assert";
import { type Digest, sha256 } from "../../../../lib/base/digest.ts";
import { Pace } from "../../../../lib/http/pace.ts";
import { BinaryCache, narKey } from "../../../../lib/nix/stores/binary_cache.ts";
import type { MoveClosureOptions } from "../../../../lib/nix/stores/move_options.ts";
import type {
  ObjectReader,
  ObjectWriter,
  StagedObject,
} from "../../../../lib/nix/stores/object_store.ts";
import type { StorePlan } from "../../../../lib/nix/stores/plan_store.ts";
import { StoreMove } from "../../../../lib/nix/stores/store_move.ts";
import { Throttle } from "../../../../lib/nix/stores/throttle.ts";
import { parseStorePath } from "../../../../lib/nix/store_path.ts";

const letters = { leaf: "a", left: "b", right: "c", top: "d" };
type Name = keyof typeof letters;

function baseName(name: Name): string {
  return `${letters[name].repeat(32)}-${name}`;
}

/** A store that writes down what it is asked for, in words of path names. */
class Recorder implements ObjectWriter {
  readonly url = "memory:";
  readonly events: string[] = [];
  /** The one whose narinfo is refused, when it is staged or when it is to appear. */
  refused: { at: "stage" | "appear"; name: Name } | undefined;

  requestsFor(): number {
    return 1;
  }
  put(): Promise<void> {
    throw new Error("everything is staged");
  }
  replace(): Promise<void> {
    throw new Error("nothing stands there");
  }
  putFile(key: string): Promise<void> {
    this.events.push(`put ${key.slice(0, 3)}`);
    return Promise.resolve();
  }
  flush(): Promise<void> {
    this.events.push("flush");
    return Promise.resolve();
  }
  async stage(key: string): Promise<StagedObject> {
    const [name] = Object.entries(letters).find(([, letter]) => key.startsWith(letter))!;
    await Promise.resolve();
    const refuse = (at: "stage" | "appear") => {
      if (this.refused?.at === at && this.refused.name === name) throw new Error(`no ${name}`);
    };
    refuse("stage");
    let left = true;
    this.events.push(`stage ${name}`);
    return {
      appear: async () => {
        await Promise.resolve();
        refuse("appear");
        left = false;
        this.events.push(`appear ${name}`);
      },
      [Symbol.asyncDispose]: () => {
        if (left) this.events.push(`drop ${name}`);
        return Promise.resolve();
      },
    };
  }
}

/** Moves four paths, of which `top` needs `left` and `right`, and these need `leaf`; `lost` is the NAR that is never sent. */
async function move(
  refused?: Recorder["refused"],
  lost?: Name,
): Promise<{ events: string[]; failures: string[] }> {
  const needs: Record<Name, Name[]> = {
    leaf: [],
    left: ["leaf"],
    right: ["leaf"],
    top: ["left", "right"],
  };
  const writer = new Recorder();
  if (refused !== undefined) writer.refused = refused;
  const signal = new AbortController().signal;
  const sources = (Object.keys(needs) as Name[]).map((name) => ({
    storePath: parseStorePath(`/nix/store/${baseName(name)}`),
    narHash: sha256(name),
    narSize: 1000,
    references: needs[name].map(baseName),
    signatures: [],
    files: `/nowhere/${name}`,
  }));
  const plan: StorePlan = {
    store: {
      cache: new BinaryCache(writer, writer as unknown as ObjectReader),
      limit: new Throttle(new Pace(2, 2)),
      keys: [],
      publicKeys: [],
      propagationMs: 0,
      [Symbol.dispose]() {},
    },
    putInfo: false,
    states: sources.map((source) => ({ source, gap: "not there", sendNar: true })),
  };
  const moving = new StoreMove(plan, {
    packing: { compression: "zstd", level: 3 },
    meter: { object: () => ({ [Symbol.dispose]() {} }) },
    record() {},
    signal,
  } as unknown as MoveClosureOptions);
  for (const source of sources) {
    if (source.storePath.baseName === (lost && baseName(lost))) continue;
    await moving.send(source, {
      path: "/nowhere",
      narHash: source.narHash,
      narSize: 1000,
      fileHash: source.narHash as Digest,
      fileSize: 100,
    });
  }
  await moving.finish();
  return {
    events: writer.events,
    failures: moving.failures.map(({ path, error }) => `${path} ${(error as Error).message}`),
  };
}

const nars = (["leaf", "left", "right", "top"] as const).map((name) =>
  `put ${narKey(sha256(name), "zstd").slice(0, 3)}`
);

Deno.test("StoreMove makes narinfos ready at once, and lets each appear after those that it needs", async () => {
  const { events, failures } = await move();
  assertEquals(failures, []);
  assertEquals(events, [
    ...nars,
    "flush",
    "stage leaf",
    "stage left",
    "stage right",
    "stage top",
    "appear leaf",
    "appear left",
    "appear right",
    "appear top",
    "flush",
  ]);
});

Deno.test("StoreMove lets nothing appear that needs a refused narinfo, and leaves none of it behind", async () => {
  for (const at of ["stage", "appear"] as const) {
    const { events, failures } = await move({ at, name: "left" });
    assertEquals(failures, [`/nix/store/${baseName("left")} no left`], at);
    assertEquals(
      events.filter((event) => event.startsWith("appear")),
      ["appear leaf", "appear right"],
      at,
    );
    assertEquals(
      events.filter((event) => event.startsWith("drop")).sort(),
      at === "stage" ? ["drop top"] : ["drop left", "drop top"],
      at,
    );
  }
});

Deno.test("StoreMove makes no narinfo ready whose NAR was not sent", async () => {
  const { events } = await move(undefined, "leaf");
  assertEquals(events.filter((event) => event.startsWith("appear")), []);
  assertEquals(events.filter((event) => event === "stage leaf"), []);
  assertEquals(events.filter((event) => event.startsWith("drop")).sort(), [
    "drop left",
    "drop right",
    "drop top",
  ]);
});
