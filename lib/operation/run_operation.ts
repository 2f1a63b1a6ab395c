/**
 * Runs the four steps of an operation in their order, and gives every one of them the same things: a dry run of the same code,
 * events, figures, a journal, and an end on abort.
 *
 * Invariants: a dry run ends after `plan` and writes nothing, the journal included; `commit` starts only after `verify` returned;
 * the figures come from the meter, not from the steps' own claims; an abort between two steps starts no further step.
 *
 * @module
 */
import type { ErrorData, OperationEvent, OperationEventBase, Phase } from "./event.ts";
import { errorData } from "./error_data.ts";
import type { Figures, Plan } from "./figures.ts";
import { OperationMeter } from "./operation_meter.ts";
import type { Operation, Step } from "./operation.ts";

/** One operation in a journal. */
export interface OperationRecord {
  /** Writes one durable line. */
  step(phase: Phase, object: string, state: string, detail?: Record<string, unknown>): void;
  /** Writes how it ended. */
  end(outcome: { figures: Figures } | { error: ErrorData }): void;
}

/** Where operations are written down. */
export interface OperationJournal {
  /** Begins one. */
  begin(operation: OperationEventBase): OperationRecord;
}

/** What an operation runs in. */
export interface OperationEnvironment {
  /** Ends the operation. */
  signal: AbortSignal;
  /** Whether to stop after the plan. */
  dryRun: boolean;
  /** Takes the events. */
  report: (event: OperationEvent) => void;
  /** Where to write down what is done. */
  journal: OperationJournal;
}

type EventBody = OperationEvent extends infer E
  ? E extends OperationEvent ? Omit<E, keyof OperationEventBase> : never
  : never;

/** Runs one step, and says so. */
type InPhase = <T>(name: Phase, run: () => Promise<T>) => Promise<T>;

/**
 * Runs an operation: plan, move, verify, commit.
 *
 * @returns the operation's own result and the figures of what it cost
 */
export async function runOperation<P extends Plan, M, R extends object>(
  operation: Operation<P, M, R>,
  environment: OperationEnvironment,
): Promise<R & Figures> {
  const { signal, dryRun } = environment;
  const base: OperationEventBase = {
    operation: crypto.randomUUID(),
    kind: operation.kind,
    subject: operation.subject,
  };
  const emit = (body: EventBody) => environment.report({ ...base, ...body } as OperationEvent);
  const started = performance.now();
  const durationMs = () => performance.now() - started;

  signal.throwIfAborted();
  const record = dryRun ? undefined : environment.journal.begin(base);
  using meter = new OperationMeter(emit);
  emit({ type: "operation-start", dryRun });
  let phase: Phase = "plan";
  const step: Step = {
    meter,
    signal,
    dryRun,
    record: (object, state, detail) => record?.step(phase, object, state, detail),
  };
  const inPhase: InPhase = async (name, run) => {
    signal.throwIfAborted();
    phase = name;
    meter.enter(name);
    emit({ type: "phase-start", phase: name });
    record?.step(name, "", "begun");
    const value = await run();
    record?.step(name, "", "done");
    return value;
  };

  try {
    const plan = await inPhase("plan", () => operation.plan(step));
    const requests = meter.requests + plan.requests;
    meter.bytesToMove = plan.bytesToMove;
    emit({ type: "plan", ...planFields(plan), requests });
    const stands = dryRun || !plan.changed;
    const { result, now } = stands
      ? { result: operation.standing(plan), now: plan }
      : await carryOut(operation, plan, step, inPhase);
    const figures: Figures = {
      changed: now.changed,
      bytesMoved: dryRun ? plan.bytesToMove : meter.bytesMoved,
      bytesReused: stands ? plan.bytesToReuse : meter.bytesReused,
      requests: dryRun ? requests : meter.requests,
      why: now.why,
      dryRun,
    };
    record?.end({ figures });
    meter.flush();
    emit({ type: "operation-end", ok: true, figures, durationMs: durationMs() });
    return { ...result, ...figures };
  } catch (thrown) {
    const error = errorData(thrown);
    emit({ type: "operation-end", ok: false, error, durationMs: durationMs() });
    try {
      record?.end({ error });
    } catch (unwritten) {
      throw new AggregateError([thrown, unwritten], error.message);
    }
    throw thrown;
  }
}

/** The three steps after the plan; the plan is the one that holds at the end. */
async function carryOut<P extends Plan, M, R extends object>(
  operation: Operation<P, M, R>,
  plan: P,
  step: Step,
  inPhase: InPhase,
): Promise<{ result: R; now: P }> {
  const moved = await inPhase("move", () => operation.move(plan, step));
  const now = operation.replanned?.(moved) ?? plan;
  if (!now.changed) return { result: operation.standing(now), now };
  await inPhase("verify", () => operation.verify(plan, moved, step));
  const result = await inPhase("commit", () => operation.commit(plan, moved, step));
  return { result, now };
}

function planFields(plan: Plan): Plan {
  const { changed, bytesToMove, bytesToReuse, exact, requests, why, objects } = plan;
  return { changed, bytesToMove, bytesToReuse, exact, requests, why, objects };
}
