import { delay } from "@std/async";
import {
  KedgeError,
  NotAllowedError,
  TimedOutError,
  UnreachableError,
} from "../../lib/base/errors.ts";
import { formatDuration } from "../../lib/base/duration.ts";
import { answerFunction, readAnswers } from "../../lib/ssh/read_answers.ts";
import type { SshSession } from "../../lib/ssh/ssh_session.ts";
import { factsScript, readFacts, type TargetFacts } from "./target_facts.ts";

/** Options of {@linkcode awaitInstaller}. */
export interface AwaitInstallerOptions {
  /** The id of the boot that is to end. */
  bootId: string;
  /** How long it may take, in milliseconds; the last question may take 15 s more. */
  timeoutMs: number;
  /** Ends the waiting. */
  signal: AbortSignal;
}

const askEveryMs = 1000;
const answerWithinMs = 15_000;
/** A host that is still starting may refuse a login or two. */
const refusalsBorne = 3;

/**
 * Waits until a host has booted anew and answers.
 *
 * @throws {TimedOutError} if that took too long
 * @throws {KedgeError} if it booted, but not the installer
 * @throws {NotAllowedError} if it refuses the login, or its key is not the known one
 */
export async function awaitInstaller(
  session: SshSession,
  options: AwaitInstallerOptions,
): Promise<TargetFacts> {
  const { bootId, timeoutMs, signal } = options;
  const { target } = session.target;
  const deadline = performance.now() + timeoutMs;
  let refusals = 0;
  let last = "it still runs what it ran before";
  while (performance.now() < deadline) {
    try {
      const { stdout } = await session.run(`${answerFunction}\n${factsScript()}`, {
        timeoutMs: answerWithinMs,
      });
      const answers = readAnswers(stdout);
      // What is going down still lets somebody in, and may run nothing any more.
      if (answers.system === undefined || (answers.bootId ?? "") === "" && bootId !== "") {
        last = "it let kedge in, and answered nothing";
      } else {
        const facts = readFacts(answers, target);
        if (facts.bootId !== bootId) return installerOf(facts, target);
        last = "it still runs what it ran before";
      }
    } catch (error) {
      const isRefusal = error instanceof NotAllowedError;
      if (!(error instanceof UnreachableError) && !isRefusal) throw error;
      refusals = isRefusal ? refusals + 1 : 0;
      if (refusals > refusalsBorne) throw error;
      last = error.message.slice(error.message.lastIndexOf(": ") + 2);
    }
    await delay(askEveryMs, { signal });
  }
  throw new TimedOutError(
    `Cannot see "${target}" in the installer after ${formatDuration(timeoutMs)}: ${last}`,
    { hint: "look at the console of the host", side: "destination" },
  );
}

function installerOf(facts: TargetFacts, target: string): TargetFacts {
  if (facts.isInstaller) return facts;
  throw new KedgeError(
    `Cannot install "${target}": it booted ${facts.release}, which is not the installer`,
    {
      hint: "did it boot from its disk instead? look at the console of the host",
      side: "destination",
    },
  );
}
