// deno-lint-ignore-file no-console -- a script speaks to a terminal
/**
 * Times kedge side by side with its peers: each file of `scripts/bench/` measures one room and prints its own table. Arguments
 * choose rooms by name, and `room:part` a part of one that has parts; without any, all of them run, one after the other.
 *
 * @module
 */
import { fromFileUrl } from "@std/path";

interface Room {
  bench(parts: readonly string[]): Promise<void>;
}

const folder = new URL("./bench/", import.meta.url);
const names: string[] = [];
for await (const { name, isFile } of Deno.readDir(fromFileUrl(folder))) {
  if (isFile && name.endsWith(".ts")) names.push(name.slice(0, -".ts".length));
}
names.sort();

const chosen = (Deno.args.length > 0 ? Deno.args : names).map((argument) => argument.split(":"));
const unknown = chosen.map(([name]) => name!).filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`Cannot bench ${unknown.join(", ")}: the rooms are ${names.join(", ")}`);
  Deno.exit(2);
}
for (const [name, ...parts] of chosen) {
  console.log(`\n== ${name}`);
  const room: Room = await import(new URL(`${name}.ts`, folder).href);
  await room.bench(parts);
}
