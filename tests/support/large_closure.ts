import { join } from "@std/path";
import type { NixWorld } from "./nix.ts";

/** What {@linkcode buildLargeClosure} makes. */
export interface LargeClosure {
  /** The store path that needs all others. */
  top: string;
  /** How many paths the closure has. */
  paths: number;
  /** The bytes of all files. */
  bytes: number;
}

const paths = 108;
const bytes = 282_000_000;
const from = "/usr/lib/x86_64-linux-gnu";

/** Builds a closure of real libraries of this machine, each path needing some of those before it. */
export async function buildLargeClosure(world: NixWorld): Promise<LargeClosure> {
  const files: { path: string; size: number }[] = [];
  for await (const entry of Deno.readDir(from)) {
    if (!entry.isFile) continue;
    const { size } = await Deno.stat(join(from, entry.name));
    if (size > 4096) files.push({ path: join(from, entry.name), size });
  }
  files.sort((a, b) => a.path < b.path ? -1 : 1);
  const groups: { path: string; size: number }[][] = Array.from({ length: paths - 1 }, () => []);
  let total = 0;
  for (let i = 0; i < files.length && total < bytes; i++) {
    const file = files[i]!;
    if (total + file.size > bytes * 1.02) continue;
    groups[i % groups.length]!.push(file);
    total += file.size;
  }
  const lines = groups.map((group, i) => {
    const needs = [i >> 1, i - 1].filter((need) => need >= 0 && need < i).map((need) =>
      `\${p${need}}`
    );
    const script = `mkdir -p $out/lib; cp ${group.map((file) => file.path).join(" ")} $out/lib; ` +
      `echo ${needs.join(" ")} > $out/needs`;
    return `  p${i} = derivation { name = "part-${i}"; system = builtins.currentSystem; builder = "/bin/sh"; ` +
      `PATH = "/usr/bin:/bin"; args = [ "-c" ''${
        group.length === 0 ? `mkdir $out; echo ${i} > $out/needs` : script
      }'' ]; };`;
  });
  const all = groups.map((_, i) => `\${p${i}}`).join(" ");
  const expression =
    `let\n${lines.join("\n")}\nin derivation { name = "large"; system = builtins.currentSystem; ` +
    `builder = "/bin/sh"; PATH = "/usr/bin:/bin"; args = [ "-c" ''mkdir $out; echo ${all} > $out/needs'' ]; }\n`;
  const file = join(world.dir, "large.nix");
  await Deno.writeTextFile(file, expression);
  const top = (await world.run("nix-build", [file, "--no-out-link", "-j", "2"])).trim();
  return { top, paths, bytes: total };
}
