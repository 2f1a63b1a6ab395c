// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Kills processes that use one cache at random instants, hundreds of times: with honest and with lying locks, and on a full disk
 * (as root on Linux, in a small tmpfs). Ends with code 1 at the first thing that is wrong.
 *
 * Usage: `deno run -A scripts/torture.ts [ROUNDS [SEED]]`; 100 rounds and a new seed without them.
 *
 * @module
 */
import { join } from "@std/path";
import { canMount, mountSmallDisk } from "../tests/support/small_disk.ts";
import { torture } from "../tests/support/torture.ts";

const usage =
  "usage: torture.ts [ROUNDS [SEED]], whole numbers; 100 rounds and a new seed without them";
if (Deno.args.includes("--help")) {
  console.log(usage);
  Deno.exit(0);
}
const [rounds = 100, seed = Date.now() % 1_000_000, ...more] = Deno.args.map(Number);
if (
  more.length > 0 || !(Number.isSafeInteger(rounds) && rounds > 0 && Number.isSafeInteger(seed))
) {
  console.error(usage);
  Deno.exit(2);
}
const folder = await Deno.makeTempDir({ prefix: "kedge-torture-" });
let failed = false;

async function pass(what: string, options: { lying: boolean; fullDisk?: boolean }) {
  const dir = join(folder, what.replaceAll(" ", "-"));
  await Deno.mkdir(dir);
  const { fullDisk = false } = options;
  if (fullDisk && !canMount) return console.log(`${what}: left out, needs root on Linux`);
  await using _disk = fullDisk ? await mountSmallDisk(dir, 8 * 2 ** 20) : undefined;
  const wrong = await torture({
    dir: join(dir, "cache"),
    rounds,
    processes: 3,
    roundMs: 900,
    seed,
    onRound: (round, written) => {
      if ((round + 1) % 10 === 0) console.log(`${what}: ${round + 1} rounds, ${written} entries`);
    },
    ...options,
  });
  for (const line of wrong) console.error(`${what}: ${line}`);
  failed ||= wrong.length > 0;
  if (wrong.length === 0) console.log(`${what}: ${rounds} rounds, nothing is wrong`);
}

console.log(`seed ${seed}`);
try {
  await pass("honest locks", { lying: false });
  await pass("lying locks", { lying: true });
  await pass("full disk", { lying: false, fullDisk: true });
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(failed ? 1 : 0);
