import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatIdentity, ownIdentity } from "../../../lib/base/process_identity.ts";
import { realTest } from "../../support/real.ts";

const judging = `import { parseIdentity, stateOf } from ${
  JSON.stringify(import.meta.resolve("../../../lib/base/process_identity.ts"))
};
console.log(Deno.args.map((each) => stateOf(parseIdentity(each)!)).join(" "));`;
const config = fromFileUrl(import.meta.resolve("../../../deno.json"));

realTest(
  "stateOf() calls no process dead that another user's view of /proc hides",
  ["unshare", "mount"],
  async () => {
    const live = new Deno.Command("sleep", { args: ["300"] }).spawn();
    try {
      const { boot } = ownIdentity();
      const stat = await Deno.readTextFile(`/proc/${live.pid}/stat`);
      const start = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
      const judge = new Deno.Command("unshare", {
        args: [
          ...["--mount", "sh", "-c", `mount -t tmpfs none /proc/${live.pid} && exec "$@"`, "sh"],
          ...[Deno.execPath(), "run", "-A", `--config=${config}`, "-"],
          formatIdentity({ pid: live.pid, start, boot }),
          formatIdentity({ pid: 4_194_305, start, boot }),
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      await new Blob([judging]).stream().pipeTo(judge.stdin);
      const { stdout } = await judge.output();
      assertEquals(new TextDecoder().decode(stdout), "alive dead\n");
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
      const judge = new Deno.Command("unshare", {
        args: [
          ...["--pid", "--fork", Deno.execPath(), "run", "--no-prompt", "--allow-run"],
          ...["--allow-read=/nowhere", `--config=${config}`, "-"],
          formatIdentity({ pid: live.pid, start: 0, boot: "nowhere" }),
        ],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      await new Blob([judging]).stream().pipeTo(judge.stdin);
      const { stdout } = await judge.output();
      assertEquals(new TextDecoder().decode(stdout), "elsewhere\n");
    } finally {
      live.kill("SIGKILL");
      await live.status;
    }
  },
);
