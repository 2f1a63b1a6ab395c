import { assertEquals, assertRejects } from "@std/assert";
import { spy } from "@std/testing";
import { VerificationError } from "../../../lib/base/errors.ts";
import type { OperationEvent } from "../../../lib/operation/event.ts";
import type { Plan } from "../../../lib/operation/figures.ts";
import type { Operation, Step } from "../../../lib/operation/operation.ts";
import { type OperationJournal, runOperation } from "../../../lib/operation/run_operation.ts";

interface Moved {
  bytes: number;
}

interface Ground {
  calls: string[];
  events: OperationEvent[];
  lines: string[];
  journal: OperationJournal;
  report: (event: OperationEvent) => void;
}

function makeGround(): Ground {
  const ground: Ground = {
    calls: [],
    events: [],
    lines: [],
    report: (event) => void ground.events.push(event),
    journal: {
      begin: () => {
        ground.lines.push("begin");
        return {
          step: (phase, object, state) => void ground.lines.push(`${phase} ${object} ${state}`),
          end: (outcome) => void ground.lines.push("figures" in outcome ? "ended" : "failed"),
        };
      },
    },
  };
  return ground;
}

/** An operation that moves 30 bytes and reuses 12, with two requests to plan and three to move. */
function makeOperation(
  calls: string[],
  steps: Partial<Operation<Plan, Moved, { path: string }>> = {},
): Operation<Plan, Moved, { path: string }> {
  return {
    kind: "test",
    subject: "thing",
    plan: ({ meter }: Step) => {
      calls.push("plan");
      meter.request();
      meter.request();
      return Promise.resolve({
        changed: true,
        bytesToMove: 30,
        bytesToReuse: 12,
        exact: true,
        requests: 3,
        why: "it is missing",
        objects: [],
      });
    },
    move: ({ bytesToMove }, { meter, record }) => {
      calls.push("move");
      for (let i = 0; i < 3; i++) meter.request();
      using object = meter.object("blob", bytesToMove);
      object.moved(bytesToMove);
      object.reused(12);
      record("blob", "moved");
      return Promise.resolve({ bytes: bytesToMove });
    },
    verify: () => Promise.resolve(void calls.push("verify")),
    commit: () => {
      calls.push("commit");
      return Promise.resolve({ path: "/committed" });
    },
    standing: () => ({ path: "/standing" }),
    ...steps,
  };
}

const signal = new AbortController().signal;

Deno.test("runOperation() plans, moves, verifies and commits in this order, and counts what it cost", async () => {
  const { calls, journal, report, lines, events } = makeGround();
  const result = await runOperation(makeOperation(calls), {
    signal,
    dryRun: false,
    journal,
    report,
  });
  assertEquals(calls, ["plan", "move", "verify", "commit"]);
  assertEquals(result, {
    path: "/committed",
    changed: true,
    bytesMoved: 30,
    bytesReused: 12,
    requests: 5,
    why: "it is missing",
    dryRun: false,
  });
  assertEquals(lines, [
    "begin",
    "plan  begun",
    "plan  done",
    "move  begun",
    "move blob moved",
    "move  done",
    "verify  begun",
    "verify  done",
    "commit  begun",
    "commit  done",
    "ended",
  ]);
  assertEquals(events[0]?.type, "operation-start");
  assertEquals(events.at(-1)?.type, "operation-end");
});

Deno.test("runOperation() in a dry run plans only, writes nothing, and foresees the figures of the run", async () => {
  const { calls, journal, report, lines } = makeGround();
  const result = await runOperation(makeOperation(calls), {
    signal,
    dryRun: true,
    journal,
    report,
  });
  assertEquals(calls, ["plan"]);
  assertEquals(lines, []);
  assertEquals(result, {
    path: "/standing",
    changed: true,
    bytesMoved: 30,
    bytesReused: 12,
    requests: 5,
    why: "it is missing",
    dryRun: true,
  });
});

Deno.test("runOperation() counts of an object what it is made of in the end, whatever part of it went back or all of it", async () => {
  const { journal, report, events } = makeGround();
  const operation = makeOperation([], {
    move: (_plan, { meter }) => {
      using partly = meter.object("partly", 42);
      partly.reused(12);
      partly.moved(30);
      partly.restarted(35);
      partly.moved(35);
      using whole = meter.object("whole", 30);
      whole.reused(12);
      whole.moved(9);
      whole.restarted();
      whole.moved(30);
      return Promise.resolve({ bytes: 30 });
    },
  });
  const { bytesMoved, bytesReused } = await runOperation(operation, {
    signal,
    dryRun: false,
    journal,
    report,
  });
  assertEquals([bytesMoved, bytesReused], [30 + 35 + 9 + 30, 7]);
  assertEquals(
    events.flatMap((event) =>
      event.type === "object-end" ? [[event.label, event.bytesMoved, event.bytesReused]] : []
    ),
    [["whole", 30, 0], ["partly", 35, 7]],
  );
});

Deno.test("runOperation() only plans when there is nothing to do", async () => {
  const { calls, journal, report } = makeGround();
  const operation = makeOperation(calls, {
    plan: () =>
      Promise.resolve({
        changed: false,
        bytesToMove: 0,
        bytesToReuse: 42,
        exact: true,
        requests: 0,
        why: "it is there",
        objects: [],
      }),
  });
  const result = await runOperation(operation, { signal, dryRun: false, journal, report });
  assertEquals(calls, []);
  assertEquals([result.path, result.changed, result.bytesReused], ["/standing", false, 42]);
});

Deno.test("runOperation() commits nothing where others did the work while it waited", async () => {
  const run = async (changed: boolean) => {
    const { calls, journal, report } = makeGround();
    const operation = makeOperation(calls, {
      move: () => Promise.resolve({ bytes: 0 }),
      replanned: () => ({
        changed,
        bytesToMove: 0,
        bytesToReuse: 0,
        exact: true,
        requests: 0,
        why: "it is there by now",
        objects: [],
      }),
    });
    const result = await runOperation(operation, { signal, dryRun: false, journal, report });
    return { calls, path: result.path, changed: result.changed, why: result.why };
  };
  const why = "it is there by now";
  assertEquals(await run(false), { calls: ["plan"], path: "/standing", changed: false, why });
  const calls = ["plan", "verify", "commit"];
  assertEquals(await run(true), { calls, path: "/committed", changed: true, why });
});

Deno.test("runOperation() commits nothing that does not verify, and tells the error as data", async () => {
  const { calls, journal, report, lines, events } = makeGround();
  const commit = spy(() => Promise.resolve({ path: "/never" }));
  const operation = makeOperation(calls, {
    verify: () => Promise.reject(new VerificationError("Cannot trust it", { hint: "look" })),
    commit,
  });
  await assertRejects(
    () => runOperation(operation, { signal, dryRun: false, journal, report }),
    VerificationError,
    "Cannot trust it",
  );
  assertEquals(calls, ["plan", "move"]);
  assertEquals(commit.calls.length, 0);
  assertEquals(lines.at(-1), "failed");
  const end = events.at(-1);
  assertEquals(end?.type === "operation-end" && !end.ok ? end.error : undefined, {
    name: "VerificationError",
    message: "Cannot trust it",
    exitCode: 3,
    hint: "look",
  });
});

for (const stopAfter of ["plan", "move", "verify"] as const) {
  Deno.test(`runOperation() starts no further step after an abort during ${stopAfter}`, async () => {
    const { calls, journal, report } = makeGround();
    const stop = new AbortController();
    const operation = makeOperation(calls);
    const step = operation[stopAfter].bind(operation) as (...args: unknown[]) => Promise<never>;
    operation[stopAfter] = (...args: unknown[]) => {
      stop.abort(new Error("enough"));
      return step(...args);
    };
    await assertRejects(
      () => runOperation(operation, { signal: stop.signal, dryRun: false, journal, report }),
      Error,
      "enough",
    );
    assertEquals(calls.at(-1), stopAfter);
  });
}

Deno.test("runOperation() says how far it is at most some ten times a second, and says the last state", async () => {
  const { calls, journal, report, events } = makeGround();
  const operation = makeOperation(calls, {
    move: (_plan, { meter }) => {
      for (let i = 0; i < 10_000; i++) meter.moved(1);
      return Promise.resolve({ bytes: 10_000 });
    },
  });
  await runOperation(operation, { signal, dryRun: false, journal, report });
  const progress = events.filter((event) => event.type === "progress");
  assertEquals(progress.length < 50, true);
  assertEquals(progress.at(-1)?.bytesMoved, 10_000);
});

Deno.test("runOperation() tells the last progress before a pause while the pause lasts", async () => {
  const ground = makeGround();
  const seen = Promise.withResolvers<void>();
  const report = (event: OperationEvent) => {
    if (event.type === "progress" && event.phase === "move" && event.bytesMoved === 30) {
      seen.resolve();
    }
  };
  const operation = makeOperation([], {
    move: async (_plan, { meter }) => {
      meter.moved(10);
      meter.moved(20);
      await seen.promise;
      return { bytes: 30 };
    },
  });
  await runOperation(operation, { signal, dryRun: false, journal: ground.journal, report });
});
