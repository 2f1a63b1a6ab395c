/**
 * Ports on loopback for servers that want to be told theirs.
 *
 * Invariants: nobody gets a port that another test got. Systems choose the ports of connections, and of servers that leave it to them, from
 * 32768 on: a port of those may be another test's before the server listens, or after it ended.
 *
 * @module
 */
import { delay } from "@std/async";
import { join } from "@std/path";

const first = 20_000;
const end = 32_000;

/** The port that was given out last, by whatever this user tests on this machine. */
const lastFile = join(Deno.env.get("TMPDIR") ?? "/tmp", `kedge-test-port-${Deno.uid()}`);

/** A port on loopback that nobody listens on, and no other test does until some thousand more were asked for. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = nextPort();
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      return port;
    }
  }
}

function nextPort(): number {
  using file = Deno.openSync(lastFile, { read: true, write: true, create: true });
  file.lockSync(true);
  try {
    const bytes = new Uint8Array(8);
    const length = file.readSync(bytes) ?? 0;
    const last = Number(new TextDecoder().decode(bytes.subarray(0, length)));
    const port = last >= first && last < end - 1 ? last + 1 : first;
    file.seekSync(0, Deno.SeekMode.Start);
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`${port}`));
    return port;
  } finally {
    // Not only closed: a program that another test module is starting meanwhile has it open as well, until it runs.
    file.unlockSync();
  }
}

/** Waits until something accepts connections on a loopback port. */
export async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + 300_000;
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}
