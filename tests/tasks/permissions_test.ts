import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import type { PermissionSet } from "../../lib/runner/permission_set.ts";
import { runKedge } from "../support/program.ts";

const root = fromFileUrl(new URL("../../", import.meta.url));

/** The permission set that the program prints for a task. */
async function permissionsOf(task: string, cacheDir: string): Promise<PermissionSet> {
  const { code, stdout } = await runKedge(["permissions", task], { cacheDir });
  assertEquals(code, 0);
  return JSON.parse(stdout).permissions[task.replaceAll(":", "-")];
}

function flagsOf(set: PermissionSet): string[] {
  return Object.entries(set).map(([kind, allowed]: [string, boolean | readonly string[]]) =>
    typeof allowed === "boolean" ? `--allow-${kind}` : `--allow-${kind}=${allowed.join(",")}`
  );
}

interface Used {
  permission: string;
  value?: string;
}

/** Runs the built-in program with exactly these permissions; gives what Deno's audit saw. */
async function runWith(
  set: PermissionSet,
  args: readonly string[],
  dir: string,
): Promise<{ code: number; stderr: string; used: Used[] }> {
  const audit = join(dir, `audit-${crypto.randomUUID()}.jsonl`);
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      ...flagsOf(set),
      "--config",
      join(root, "deno.json"),
      join(root, "mod.ts"),
      ...args,
    ],
    cwd: dir,
    env: {
      KEDGE_CACHE_DIR: join(dir, "cache"),
      DENO_AUDIT_PERMISSIONS: audit,
      NO_COLOR: "1",
      INIT_CWD: "",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const lines = (await Deno.readTextFile(audit)).trimEnd().split("\n").filter((line) =>
    line !== ""
  );
  return {
    code,
    stderr: new TextDecoder().decode(stderr),
    used: lines.map((line) => JSON.parse(line) as Used),
  };
}

for (
  const [task, ...args] of [
    ["cache:dir"],
    ["cache:size"],
    ["cache:ls"],
    ["cache:verify"],
    ["cache:prune"],
    ["cache:clean"],
    ["runs"],
    ["disk:push", "disk.img", "oci:disks:a"],
    ["image:sync", "oci:disks:a", "oci:copy:a"],
    ["image:ls", "oci:disks"],
    ["publish", "pkg", "--name", "a", "--version", "1"],
  ]
) {
  Deno.test(`permissions ${task}: the task runs with exactly what is printed`, async () => {
    const dir = await Deno.realPath(await Deno.makeTempDir());
    try {
      const cacheDir = join(dir, "cache");
      await Deno.mkdir(join(dir, "pkg"));
      await Deno.writeTextFile(join(dir, "pkg", "file"), "contents");
      await Deno.writeFile(join(dir, "disk.img"), new Uint8Array(300_000).fill(7));
      if (task?.startsWith("image:")) {
        await runKedge(["disk:push", "disk.img", "oci:disks:a"], { cacheDir, cwd: dir });
      }
      const more = task === "publish"
        ? ["--to", `file://${dir}/store`, "--catalog", `sqlite://${dir}/catalog.db`]
        : [];
      const set = await permissionsOf(task!, cacheDir);
      const { code, stderr, used } = await runWith(set, [task!, ...args, ...more], dir);
      assertEquals([code, code === 0 ? "" : stderr], [0, ""]);
      const kinds = new Set(used.map((each) => each.permission));
      for (const kind of kinds) assert(kind in set, `${kind} was used and is not in the set`);
      const variables = used.filter((each) => each.permission === "env");
      for (const { value } of variables) {
        assert(set.env === true || (set.env as string[]).includes(String(value)), String(value));
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("permissions: every built-in task says what it uses", async () => {
  const cacheDir = await Deno.makeTempDir();
  const list = await runKedge(["--list", "--json"], { cacheDir });
  const names = list.stdout.trimEnd().split("\n").map((line) => JSON.parse(line).name)
    .filter((name) => name !== "permissions");
  const { code, stdout, stderr } = await runKedge(["permissions", ...names], { cacheDir });
  assertEquals([code, stderr], [0, ""]);
  assertEquals(Object.keys(JSON.parse(stdout).permissions).length, names.length);
  await Deno.remove(cacheDir, { recursive: true });
});
