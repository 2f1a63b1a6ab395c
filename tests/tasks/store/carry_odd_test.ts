/** Stores with odd contents: carryStore() brings them as Nix itself would, or says what it cannot read. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { KedgeError } from "../../../lib/base/errors.ts";
import { NixFolder } from "../../../lib/nix/folder/nix_folder.ts";
import { type PodmanRoom, podmanTest } from "../../support/carry_podman.ts";
import { nixPaths } from "../../support/carry_room.ts";
import { tarOf, verifyWithNix } from "../../support/nix_store_image.ts";

/** Runs a script of bash with `$1` and so on; gives what it printed. */
async function bash(script: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command("bash", { args: ["-euc", script, "bash", ...args] });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assertEquals(success, true, decoder.decode(stderr));
  return decoder.decode(stdout).trim();
}

/** Pushes an image in which Nix added what a script makes in the folder `$1`. */
async function pushOdd({ room }: PodmanRoom, script: string): Promise<void> {
  const { root } = await room.store("2.8.0", nixPaths("2.8.0"));
  const odd = join(room.folder, "odd");
  await bash(`mkdir "$1"; ${script}`, odd);
  await bash(`nix-store --store "local?root=$1" --add "$2"`, root, odd);
  await room.image("2.8.0", [await tarOf(root, ["nix"])]);
}

const odd = String.raw`
mkdir -p "$1/e/m/p/t/y" "$1/closed"
: >"$1/zero"
ln -s loop "$1/loop"; ln -s a "$1/b"; ln -s b "$1/a"; ln -s .. "$1/up"
truncate -s 20M "$1/sparse"
echo set >"$1/closed/uid"; chmod 4755 "$1/closed/uid"; chmod 2555 "$1/closed"
echo . >"$1/name with space"$'\n'line; echo . >"$1/-rf"; echo . >"$1/*?[a]"; echo . >"$1/ü"
echo . >"$1/system-systemd\\x2dcryptsetup.slice"; echo . >"$1/..\\up"
echo . >"$1/case"; echo . >"$1/CASE"; echo . >"$1/%2e%2e"; echo . >"$1/...x"
long=$(printf 'd%.0s' {1..255}); mkdir -p "$1/$long/$long"; echo . >"$1/$long/$long/file"
ln -s "$(printf 'tar%.0s' {1..300})" "$1/far"
`;

podmanTest("carryStore() brings odd names, modes and links as they are", async (ground) => {
  const { room } = ground;
  await pushOdd(ground, odd);
  const base = await ground.pull("2.8.0");
  const { copy: _copy, ...bare } = base;
  const layered = new NixFolder(join(room.folder, "layered"));
  assertEquals((await room.carry(bare, { to: { folder: layered.path } })).paths, 4);
  assertEquals((await ground.carry(base)).layerBytes, 0);
  for (const { uri, store } of [layered, room.nix]) {
    await verifyWithNix(uri);
    // Nothing is set-user-id, and nothing may be written.
    assertEquals(await bash(`find "$1"/*-odd ! -type l -perm /7222`, store), "");
  }
}, ["bash"]);

for (
  const [what, script, expected] of [
    ["names", String.raw`echo . >"$1/caf"$'\xe9'`, "its name is not UTF-8"],
    ["links", String.raw`ln -s caf$'\xe9' "$1/link"`, "it leads to a name that is not UTF-8"],
  ] as const
) {
  podmanTest(`carryStore() says which ${what} in podman it cannot read`, async (ground) => {
    await pushOdd(ground, script);
    const base = await ground.pull("2.8.0");
    const error = await assertRejects(() => ground.carry(base), KedgeError);
    assertStringIncludes(error.message, expected);
  }, ["bash"]);
}
