import { formatBytes } from "../../lib/base/bytes.ts";
import { counted } from "../../lib/base/counted.ts";
import type { CatalogEntry } from "../../lib/catalog/catalog_entry.ts";
import { displayUrls } from "../../lib/http/display_url.ts";
import { arg } from "../../lib/runner/arg_builder.ts";
import { task } from "../../lib/runner/task.ts";
import { catalogList, catalogShow, type CatalogShowResult } from "../publish/catalog.ts";
import { publishArgs } from "./publish_args.ts";

/** `catalog:ls [ENTRY]`. */
export const catalogListTask = task({
  name: "catalog:ls",
  query: true,
  description: "List the entries of a catalog, one per line",
  group: "catalog",
  args: {
    entry: arg.string({
      description: "Only these entries: NAME, NAME@VERSION or NAME@VERSION/SYSTEM",
      positional: true,
    }),
    catalog: publishArgs.catalog,
  },
  run: async ({ args, log, ...ctx }) => {
    const entries = await catalogList(args, ctx);
    const wanted = args.entry === undefined ? "" : ` "${args.entry}"`;
    if (entries.length === 0) log(`"${displayUrls(args.catalog)}" has no entry${wanted}`);
    return entries;
  },
  output: (entries: CatalogEntry[]) =>
    entries.map((entry) =>
      [
        entry.id,
        entry.current ? "current" : "-",
        formatBytes(entry.closureBytes),
        entry.updated,
        entry.proofs.map((proof) => proof.store).join(" "),
      ].join("\t")
    ),
});

/** `catalog:show ENTRY`. */
export const catalogShowTask = task({
  name: "catalog:show",
  query: true,
  description: "Show an entry, its proofs and the history of its package",
  group: "catalog",
  args: {
    entry: publishArgs.entry,
    catalog: publishArgs.catalog,
  },
  run: ({ args, ...ctx }) => catalogShow(args, ctx),
  output: ({ entry, history }: CatalogShowResult) => [
    `${entry.id}${entry.current ? " (current)" : ""}`,
    ...entry.storePaths.map((path) => `path\t${path}`),
    `closure\t${counted(entry.closure.length, "path")}, ${formatBytes(entry.closureBytes)}`,
    ...entry.proofs.map((proof) =>
      `proof\t${proof.store}\t${proof.at}\t${proof.depth}\t${
        counted(Object.keys(proof.narInfos).length, "narinfo")
      }`
    ),
    ...history.map((line) =>
      `history\t${line.at}\t${line.action}\t${line.version}\t${line.system}`
    ),
  ],
});
