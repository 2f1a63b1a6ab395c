import { assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { usedBy } from "../../../lib/disk/file_users.ts";
import { mountFreshDisk } from "../../support/fresh_disk.ts";
import { realTest } from "../../support/real.ts";
import { mountSmallDisk } from "../../support/small_disk.ts";

const locking = `import { usedBy } from ${
  JSON.stringify(import.meta.resolve("../../../lib/disk/file_users.ts"))
};
const path = await Deno.makeTempFile({ prefix: "kedge-users-" });
const file = await Deno.open(path, { write: true });
await file.lock(true);
console.log(await usedBy(path) ?? "nobody");
await Deno.remove(path);`;

realTest(
  "usedBy() takes this process for nobody else where /proc is that of another container",
  ["unshare"],
  async () => {
    const config = fromFileUrl(import.meta.resolve("../../../deno.json"));
    const process = new Deno.Command("unshare", {
      args: ["--pid", "--fork", Deno.execPath(), "run", "-A", `--config=${config}`, "-"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    await new Blob([locking]).stream().pipeTo(process.stdin);
    const { stdout } = await process.output();
    assertEquals(new TextDecoder().decode(stdout), "nobody\n");
  },
);

realTest("usedBy() tells a locked file from one of the same number in another file system", [
  "root",
], async () => {
  const folder = await Deno.makeTempDir({ prefix: "kedge-users-" });
  await using opened = new AsyncDisposableStack();
  opened.defer(() => Deno.remove(folder, { recursive: true }));
  const files: string[] = [];
  for (const name of ["a", "b"]) {
    await Deno.mkdir(`${folder}/${name}`);
    opened.use(await mountSmallDisk(`${folder}/${name}`, 1_000_000));
    files.push(`${folder}/${name}/disk`);
    await Deno.writeFile(files.at(-1)!, new Uint8Array(1));
  }
  const [locked, other] = files as [string, string];
  assertEquals((await Deno.stat(locked)).ino, (await Deno.stat(other)).ino);
  const holder = new Deno.Command("flock", {
    args: ["-F", locked, "sh", "-c", "echo held; exec sleep 300"],
    stdout: "piped",
    stdin: "null",
  }).spawn();
  opened.defer(async () => {
    holder.kill("SIGKILL");
    await holder.status;
  });
  const reader = holder.stdout.getReader();
  opened.defer(() => reader.cancel());
  await reader.read();
  assertMatch(await usedBy(locked) ?? "nobody", /^process \d+ \(\w+\) holds a lock on it$/);
  assertEquals(await usedBy(other), undefined);
});

realTest(
  "usedBy() knows a file on which a loop device is, by whichever of its names",
  ["root"],
  async () => {
    const folder = await Deno.makeTempDir({ prefix: "kedge-users-" });
    await using opened = new AsyncDisposableStack();
    opened.defer(() => Deno.remove(folder, { recursive: true }));
    opened.use(await mountFreshDisk(`${folder}/disk`, 8_000_000));
    await Deno.link(`${folder}/disk.img`, `${folder}/other`);
    for (const name of ["disk.img", "other"]) {
      const user = await usedBy(`${folder}/${name}`) ?? "nobody";
      assertMatch(user, /^the loop device \/dev\/loop\d+ is on it$/);
    }
  },
);
