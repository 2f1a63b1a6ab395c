/** What dry runs say of a carried store that may not be written: what the run would say, and nothing is written for it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { exportStore } from "../../../tasks/store/copy_store.ts";
import { carryPrograms, CarryRoom } from "../../support/carry_room.ts";
import { validWithNix } from "../../support/nix_store_image.ts";
import { runKedge } from "../../support/program.ts";
import { realTest } from "../../support/real.ts";
import { unmount } from "../../support/small_disk.ts";
import { treeOf } from "../../support/tree.ts";

const programs = [...carryPrograms, "bound"];
const tasks = ["carry", "import", "prune"] as const;
type Task = typeof tasks[number];

/** A store with two images; a third one, and a binary cache with a path of it, are at hand. */
class Ground implements AsyncDisposable {
  private constructor(readonly room: CarryRoom, readonly path: string) {}

  static async make(): Promise<Ground> {
    const room = await CarryRoom.make();
    await room.carry(await room.image("2.8.2"), { to: { folder: join(room.folder, "third") } });
    const from = { folder: join(room.folder, "third") };
    const paths = await validWithNix(new NixFolder(from.folder).uri);
    const path = paths.find((each) => each.endsWith("-nix-2.8.2"))!;
    const to = `file://${join(room.folder, "binary-cache")}`;
    await exportStore({ from, to }, room.context);
    for (const version of ["2.8.0", "2.8.1"]) await room.carry(await room.image(version));
    return new Ground(room, path);
  }

  args(task: Task, folder = this.room.nix.path): string[] {
    const { repository, folder: around } = this.room;
    const own = {
      carry: ["--nix-version=2.8.2", `--repository=${repository}`],
      import: [this.path, `--from=file://${join(around, "binary-cache")}`],
      prune: ["--keep=0"],
    };
    return [`base-image:${task}`, ...own[task], `--folder=${folder}`, "--quiet"];
  }

  async run(args: string[]) {
    return await runKedge(args, { cacheDir: join(this.room.folder, "cache"), bound: true });
  }

  /** Both must be refused, and the dry run must change nothing. */
  async refused(task: Task, states: { dry: string; real: string }, folder?: string) {
    const args = this.args(task, folder);
    const before = await treeOf(this.room.nix.path);
    const dry = await this.run([...args, "--dry-run"]);
    assertEquals(dry.code, 5, `${task}: ${dry.stderr}`);
    assertStringIncludes(dry.stderr, states.dry);
    assertEquals(await treeOf(this.room.nix.path), before);
    const real = await this.run(args);
    assertEquals(real.code, 5, `${task}: ${real.stderr}`);
    assertStringIncludes(real.stderr, states.real);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.room[Symbol.asyncDispose]();
  }
}

realTest(
  "a dry run of base-image:carry, import and prune finds a file system that is mounted to be read",
  [...programs, "root"],
  async () => {
    await using ground = await Ground.make();
    const { path } = ground.room.nix;
    const mount = async (...args: string[]) =>
      assertEquals((await new Deno.Command("mount", { args }).output()).code, 0);
    await mount("--bind", path, path);
    try {
      await mount("-o", "remount,ro,bind", path);
      const state = `error: Cannot write to "${path}": Read-only file system (os error 30): `;
      for (const task of tasks) await ground.refused(task, { dry: state, real: state });
    } finally {
      await unmount(path);
    }
    for (const task of tasks) {
      const done = await ground.run([...ground.args(task), "--dry-run"]);
      assertEquals(done.code, 0, done.stderr);
    }
  },
);

realTest(
  "a dry run of base-image:carry, import and prune finds folders and files that this user may not write",
  programs,
  async () => {
    await using ground = await Ground.make();
    const { path } = ground.room.nix;
    const dry = `error: Cannot write to "${path}": `;
    const own = `Cannot use the folder "${path}": this user may not read or write all of it`;
    const database = "error: Cannot change the Nix database";
    const cases = [
      ["var/kedge/lock", 0o444, tasks, dry],
      ["store", 0o555, ["carry", "import"], own],
      ["var/nix/db", 0o555, ["import", "prune"], database],
      ["var/nix/db/db.sqlite", 0o444, ["import", "prune"], database],
      // The second run finds the paths that the first one placed before it was refused, and with the database its roots too.
      ["var/nix/gcroots/kedge", 0o555, ["carry", "carry"], own],
      ["var/nix/db/db.sqlite", 0o444, ["carry", "carry"], database],
    ] as const;
    for (const [denied, mode, of, real] of cases) {
      const at = join(path, denied);
      const { mode: before } = await Deno.stat(at);
      await Deno.chmod(at, mode);
      for (const task of of) await ground.refused(task, { dry, real });
      await Deno.chmod(at, before! & 0o777);
    }
  },
);

realTest(
  "a dry run of base-image:carry and import finds that the folder cannot be made",
  programs,
  async () => {
    await using ground = await Ground.make();
    const around = join(ground.room.folder, "closed");
    await Deno.mkdir(around, { mode: 0o555 });
    const folder = join(around, "new", "nix");
    const state = `error: Cannot use the folder "${folder}": this process may not make it`;
    for (const task of ["carry", "import"] as const) {
      await ground.refused(task, { dry: state, real: state }, folder);
    }
    await Deno.chmod(around, 0o755);
    const done = await ground.run([...ground.args("carry", folder), "--dry-run"]);
    assertEquals(done.code, 0, done.stderr);
    assertEquals(await Array.fromAsync(Deno.readDir(around)), []);
  },
);
