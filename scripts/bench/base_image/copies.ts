import { join } from "@std/path";
import { makeStore } from "../../../tests/support/nix_store_image.ts";
import { median } from "../median.ts";
import { deno, head, ms, pairs, program, row, timed } from "./support.ts";

/** What nothing missing costs, at two sizes of the same number of paths. */
export async function copies(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "kedge-bench-" });
  try {
    head("nothing missing", "0.2 GB", "2 GB", "ratio");
    const sizes: Record<string, { export: number[]; import: number[] }> = {};
    const commands: Record<string, { export: string[]; import: string[] }> = {};
    for (const [name, bytes] of [["small", 2e6], ["large", 2e7]] as const) {
      const root = join(folder, name);
      const piece = join(folder, `piece-${name}`);
      await Deno.writeFile(piece, crypto.getRandomValues(new Uint8Array(50_000)));
      await Deno.truncate(piece, bytes);
      const paths = Array.from({ length: 100 }, (_, i) => ({ name: `p${i}`, copies: [piece] }));
      const { paths: made } = await makeStore(root, paths);
      const all = Object.values(made).map((baseName) => `/nix/store/${baseName}`);
      const cache = `file://${join(folder, `cache-${name}`)}`;
      const common = ["--quiet", `--cache-dir=${join(folder, `kedge-${name}`)}`, ...all];
      const from = `--folder=${join(root, "nix")}`;
      const to = `--folder=${join(folder, `into-${name}`)}`;
      commands[name] = {
        export: [...deno, program, "base-image:export", from, `--to=${cache}`, ...common],
        import: [...deno, program, "base-image:import", to, `--from=${cache}`, ...common],
      };
      sizes[name] = { export: [], import: [] };
      await timed(commands[name]!.export);
      await timed(commands[name]!.import);
    }
    for (let pair = 0; pair < pairs * 2; pair++) {
      for (const name of pair % 2 === 0 ? ["small", "large"] : ["large", "small"]) {
        sizes[name]!.export.push((await timed(commands[name]!.export)).seconds);
        sizes[name]!.import.push((await timed(commands[name]!.import)).seconds);
      }
    }
    for (const which of ["export", "import"] as const) {
      const [small, large] = [median(sizes["small"]![which]), median(sizes["large"]![which])];
      row(`${which} of 100 paths again`, ms(small), ms(large), (large / small).toFixed(2));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
