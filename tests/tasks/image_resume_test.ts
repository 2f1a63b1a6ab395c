import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { FakeRegistry } from "../support/fake_registry.ts";
import { randomBytes, writeImage } from "../support/layout.ts";
import { runKedge, spawnKedge } from "../support/program.ts";

const mebibyte = 1024 * 1024;

/** Pushes an image of one large blob, ends the program after the first chunk, and pushes again; gives the bytes that came each time. */
async function pushTwice(signal: Deno.Signal): Promise<{ first: number; second: number }> {
  const folder = await Deno.makeTempDir();
  try {
    await using registry = new FakeRegistry({ latencyMs: 40 });
    const image = await writeImage(join(folder, "from"), "v1", {
      layers: [randomBytes(100 * mebibyte)],
    });
    const args = ["image:sync", `oci:${folder}/from:v1`, `docker://${registry.host}/a:v1`];
    const options = { cacheDir: join(folder, "cache") };
    const child = spawnKedge(args, options);
    const patched = () =>
      registry.requests.some(({ method, status }) => method === "PATCH" && status === 202);
    while (!patched()) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill(signal);
    const { code } = await child.output();
    assertEquals(code, signal === "SIGINT" ? 130 : 137);
    const first = registry.receivedBytes;
    const dry = await runKedge([...args, "--dry-run", "--json"], options);
    const again = await runKedge([...args, "--json"], options);
    assertEquals(again.code, 0, again.stderr);
    const figures = [dry, again].map(({ stdout }) => {
      const { value } = JSON.parse(stdout.trim().split("\n").at(-1)!);
      return [value.bytesMoved, value.bytesReused, value.requests];
    });
    assertEquals(figures[0], figures[1]);
    assertEquals(registry.store.repository("a").tags.get("v1"), image.digest);
    return { first, second: registry.receivedBytes - first };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("image:sync goes on in the middle of a blob after Ctrl-C, and sends nothing twice", async () => {
  const { first, second } = await pushTwice("SIGINT");
  assert(first >= 32 * mebibyte, `${first} bytes came first`);
  assert(first + second < 101 * mebibyte, `${first} and ${second} bytes came`);
});

Deno.test("image:sync goes on in the middle of a blob after kill -9 where the registry keeps what came", async () => {
  const { first, second } = await pushTwice("SIGKILL");
  assert(first >= 32 * mebibyte, `${first} bytes came first`);
  assert(first + second < 101 * mebibyte, `${first} and ${second} bytes came`);
});
