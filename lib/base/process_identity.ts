/**
 * Which process made something, so that what a killed one left can be told from what a live one uses.
 *
 * Invariants: an identity names the boot, the process and, where the system tells it, when the process began, so that a number
 * used again is not taken for the old process; one of another machine or another boot of unknown state is never called alive,
 * nor are its things taken for free: the caller judges those by their age.
 *
 * @module
 */
import defer * as process from "node:process";
import { codeOf } from "./errors.ts";

/** A process on some machine. */
export interface ProcessIdentity {
  /** Its number. */
  pid: number;
  /** When it began, in the clock of its machine; 0 where the system does not tell. */
  start: number;
  /** The boot of its machine and its process namespace, in a few letters; `nowhere` where the system, or Deno, does not tell. */
  boot: string;
}

const nowhere = "nowhere";
let own: ProcessIdentity | undefined;
let ownBoot: string | undefined;

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return own ??= { pid: Deno.pid, start: startOf(Deno.pid) ?? 0, boot: bootId() };
}

/** What became of a process: `elsewhere` is one that this process cannot judge. */
export function stateOf(identity: ProcessIdentity): "alive" | "dead" | "elsewhere" {
  if (identity.boot !== bootId()) return "elsewhere";
  if (identity.pid === Deno.pid && identity.start === ownIdentity().start) return "alive";
  const start = startOf(identity.pid);
  if (start !== undefined) return start === identity.start ? "alive" : "dead";
  // The system may not tell when it began, or may hide those of other users.
  const state = answer(identity.pid);
  // A number that is nobody's here may be somebody's in another container.
  return state === "dead" && isUnplaced() ? "elsewhere" : state;
}

/** An identity as part of a file name: `PID.START.BOOT`. */
export function formatIdentity({ pid, start, boot }: ProcessIdentity): string {
  return `${pid}.${start}.${boot}`;
}

/** The identity that {@linkcode formatIdentity} wrote, or `undefined`. */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^(\d+)\.(\d+)\.([0-9a-z]{1,16})$/.exec(text);
  if (match === null) return undefined;
  return { pid: Number(match[1]), start: Number(match[2]), boot: match[3]! };
}

/** The start of a process in clock ticks since the boot, from `/proc`; that of one that ended and was not waited for is nobody's. */
function startOf(pid: number): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? -1 : Number(fields[19]);
  } catch {
    return undefined;
  }
}

function bootId(): string {
  if (ownBoot !== undefined) return ownBoot;
  try {
    const boot = Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").slice(0, 8);
    const namespace = /\d+/.exec(Deno.readLinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
    ownBoot = boot + Number(namespace).toString(36);
  } catch {
    ownBoot = nowhere;
  }
  return ownBoot;
}

/** Whether this process cannot tell which container it is in, where there are any. */
function isUnplaced(): boolean {
  return Deno.build.os === "linux" && bootId() === nowhere;
}

/** Where this process may not ask about another, it judges it as one of another machine. */
function answer(pid: number): "alive" | "dead" | "elsewhere" {
  try {
    process.kill(pid, 0);
    return "alive";
  } catch (error) {
    const code = codeOf(error);
    return code === "ESRCH" ? "dead" : code === "EPERM" ? "alive" : "elsewhere";
  }
}
