/**
 * Each built-in task runs under exactly the permissions that `permissions TASK` prints, in every way in which it is used: what
 * Deno's audit saw, granted or not, is in the set, and all that is in the set was used in one way or another.
 */
import { assertEquals } from "@std/assert";
import { pooledMap } from "@std/async/pool";
import { copy } from "@std/fs";
import { join } from "@std/path";
import type { PermissionSet } from "../../lib/runner/permission_set.ts";
import { builtinTasks } from "../../tasks/builtin/mod.ts";
import { type AuditedRun, runAudited } from "../support/audited.ts";
import { startPermissionGround, type Way } from "../support/permission_ground.ts";
import { runKedge } from "../support/program.ts";
import { realTest } from "../support/real.ts";

const names = [...Object.values(builtinTasks).map((task) => task.name), "permissions"];

/** Stands for the cache folder in what is printed. */
const anyCache = "/the/cache/folder";

/** What Deno gives to no set but all, read to tell one process from another of the same number; done without where refused. */
const refusedToSets = /^\/proc\/(\d+\/stat|self\/ns\/pid|sys\/kernel\/random\/boot_id)$/;

type Allowed = boolean | readonly string[];

/** One run of a task in one way. */
interface Ran extends AuditedRun {
  way: Way;
  set: PermissionSet;
  cacheDir: string;
  /** The programs, or all of them (`*`), without which the same run failed. */
  needed: readonly string[];
}

realTest("permissions: each task uses what is printed, and nothing else", [
  ...["nix", "xz", "ssh", "sshd", "script"],
], async (t) => {
  await using ground = await startPermissionGround();
  const { stdout } = await runKedge(["permissions", ...names], { cacheDir: anyCache });
  const setOf = (task: string, cacheDir = anyCache): PermissionSet =>
    JSON.parse(stdout.replaceAll(anyCache, cacheDir)).permissions[task.replaceAll(":", "-")];
  let folders = 0;
  const once = async (task: string, way: Way, without?: string) => {
    const cwd = join(ground.dir, String(++folders));
    await copy(ground.stock, cwd);
    // It is time for the daily collection, which is a part of what a task does.
    const past = new Date(Date.now() - 2 * 86_400_000);
    await Deno.utime(join(cwd, "cache", "CACHEDIR.TAG"), past, past);
    await way.before?.(cwd);
    const cacheDir = way.cacheDir ?? join(cwd, "cache");
    const set = setOf(task, cacheDir);
    const ran = await runAudited(
      without === undefined ? set : lacking(set, without),
      [task, ...way.args.map((word) => word.replaceAll("DIR", cwd))],
      {
        cwd,
        env: {
          ...ground.env,
          ...(way.cacheDir === undefined ? { KEDGE_CACHE_DIR: cacheDir } : {}),
          ...way.env,
        },
        unscoped: way.unscoped ?? false,
        terminal: way.terminal ?? false,
      },
    );
    return { way, set, cacheDir, ...ran };
  };
  const all = names.flatMap((task) => (ground.ways[task] ?? []).map((way) => ({ task, way })));
  const runs = await Array.fromAsync(pooledMap(3, all, async ({ task, way }) => {
    // What fails changes nothing; what then ends well may leave nothing to do.
    const needed: string[] = [];
    for (const program of way.needs ?? []) {
      const { code, stderr } = await once(task, way, program);
      if (code !== 0 && (!way.fails || /Requires run access/.test(stderr))) needed.push(program);
    }
    const ran = await once(task, way);
    return { task, ran: { ...ran, needed } };
  }));
  const of = (task: string): Ran[] =>
    runs.filter((each) => each.task === task).map(({ ran }) => ran);

  const common = setOf("cache:clean").env as readonly string[];
  for (const task of names) {
    await t.step(task, () => {
      const its = of(task);
      assertEquals(its.length > 0, true, "it is not run");
      for (const { way, code, stderr } of its) {
        assertEquals([way.args, code === 0], [way.args, way.fails !== true], stderr);
      }
      assertEquals([...new Set(its.flatMap(beyond))], [], "used, and not in the set");
      assertEquals(idle(setOf(task), its, common), [], "in the set, and never used");
    });
  }
  await t.step("what every set has is used by one or another", () => {
    assertEquals(idle({ env: common }, runs.map(({ ran }) => ran), []), []);
  });
});

/** The set without one program, or without any; of all permissions those that can be named. */
function lacking(set: PermissionSet, program: string): PermissionSet {
  if (set.all) return { read: true, write: true, net: true, env: true, run: true, sys: true };
  const { run, ...rest } = set;
  if (!Array.isArray(run)) return rest;
  const left = run.filter((each) => each !== program);
  return left.length === 0 ? rest : { ...rest, run: left };
}

/** What a run used that its set does not allow. */
function beyond({ uses, set }: Ran): string[] {
  if (set.all) return [];
  return uses.filter(({ permission, value }) => {
    const allowed: Allowed = set[permission as keyof PermissionSet] ?? false;
    if (typeof allowed === "boolean") return !allowed && !isModule(value);
    return !allowed.some((item) => covers(permission, item, value)) && !isModule(value) &&
      !refusedToSets.test(value);
  }).map(({ permission, value }) => `${permission} ${value}`);
}

function covers(kind: string, item: string, value: string): boolean {
  const isPath = kind === "read" || kind === "write";
  return item === value || (isPath && value.startsWith(`${item}/`));
}

/** The modules of workers are read by Deno itself. */
function isModule(value: string): boolean {
  return value.startsWith("file:");
}

/** What a set has of its own that none of the runs used. */
function idle(
  set: PermissionSet,
  runs: readonly Ran[],
  common: readonly string[],
): string[] {
  const names: string[] = [];
  for (const [kind, allowed] of Object.entries(set) as [string, Allowed][]) {
    const used = (item: string) => runs.some((ran) => isUsed(kind, item, ran, common));
    if (typeof allowed === "boolean") names.push(...used("*") ? [] : [kind]);
    else {
      const own = allowed.filter((item) => !(kind === "env" && common.includes(item)));
      names.push(...own.filter((item) => !used(item)).map((item) => `${kind} ${item}`));
    }
  }
  return names;
}

/** Whether a run used an item of a set; `*` stands for what only all of a kind allows. */
function isUsed(
  kind: string,
  item: string,
  { uses, needed, cacheDir }: Ran,
  common: readonly string[],
): boolean {
  if (kind === "run" || kind === "all") return needed.includes(item);
  return uses.some(({ permission, value }) => {
    if (permission !== kind) return false;
    if (item !== "*") return covers(kind, item.replace(anyCache, cacheDir), value);
    if (kind === "env") return !common.includes(value);
    return !value.startsWith(cacheDir) && !isModule(value);
  });
}
