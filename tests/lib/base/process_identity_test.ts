import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  formatIdentity,
  ownIdentity,
  type ProcessIdentity,
} from "../../../lib/base/process_identity.ts";
import { realTest } from "../../support/real.ts";

const judging = `import { parseIdentity, stateOf } from ${
  JSON.stringify(import.meta.resolve("../../../lib/base/process_identity.ts"))
};
console.log(Deno.args.map((each) => stateOf(parseIdentity(each)!)).join(" "));`;
const config = fromFileUrl(import.meta.resolve("../../../deno.json"));

/** What processes are said to be by one that `unshare` has begun, with less in view. */
async function judge(
  unshared: readonly string[],
  permissions: readonly string[],
  ...identities: ProcessIdentity[]
): Promise<string> {
  const process = new Deno.Command("unshare", {
    args: [
      ...[...unshared, Deno.execPath(), "run", ...permissions, `--config=${config}`, "-"],
      ...identities.map(formatIdentity),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  await new Blob([judging]).stream().pipeTo(process.stdin);
  const { stdout } = await process.output();
  return new TextDecoder().decode(stdout);
}

realTest(
  "stateOf() calls no process dead that another user's view of /proc hides",
  ["unshare", "mount"],
  async () => {
    const live = new Deno.Command("sleep", { args: ["300"] }).spawn();
    try {
      const { boot } = ownIdentity();
      const stat = await Deno.readTextFile(`/proc/${live.pid}/stat`);
      const start = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
      const judged = await judge(
        ["--mount", "sh", "-c", `mount -t tmpfs none /proc/${live.pid} && exec "$@"`, "sh"],
        ["-A"],
        { pid: live.pid, start, boot },
        { pid: 4_194_305, start, boot },
      );
      assertEquals(judged, "alive dead\n");
    } finally {
      live.kill("SIGKILL");
      await live.status;
    }
  },
);

realTest(
  "stateOf() calls no process dead that may be of another container, where it may not read which one it is in itself",
  ["unshare"],
  async () => {
    const live = new Deno.Command("sleep", { args: ["300"] }).spawn();
    try {
      const judged = await judge(
        ["--pid", "--fork"],
        ["--no-prompt", "--allow-run", "--allow-read=/nowhere"],
        { pid: live.pid, start: 0, boot: "nowhere" },
      );
      assertEquals(judged, "elsewhere\n");
    } finally {
      live.kill("SIGKILL");
      await live.status;
    }
  },
);
