import { checkOptions } from "../../lib/base/check_options.ts";
import { UsageError } from "../../lib/base/errors.ts";
import type { CatalogWithHistory } from "../../lib/catalog/catalog.ts";
import { type CatalogEntry, entryId, parseEntryId } from "../../lib/catalog/catalog_entry.ts";
import { versionsBefore } from "../../lib/catalog/versions_before.ts";
import type { PublishStore } from "../../lib/nix/stores/publish_store.ts";
import { storeFailuresError } from "../../lib/nix/stores/store_failures.ts";
import { NarPacker } from "../../lib/nix/nar/nar_packer.ts";
import { verifyStore } from "../../lib/nix/stores/verify_store.ts";
import type { Figures, Plan } from "../../lib/operation/figures.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import { runOperation } from "../../lib/operation/run_operation.ts";
import {
  resolveContext,
  type TaskContext,
  type TaskContextOptions,
} from "../../lib/runner/context.ts";
import { thisSystem } from "./this_system.ts";
import { catalogOf, closureOf, entryStores } from "./entry.ts";
import { checkCatalog } from "./own_catalog.ts";
import type { PublishRollbackOptions, PublishRollbackResult } from "./after.ts";

const seeAll = "see what there is with catalog:ls";

interface RollbackPlan extends Plan {
  catalog: CatalogWithHistory;
  to: CatalogEntry;
  from: string;
  stores: readonly PublishStore[];
}

/** Does the work of `publishRollback`. */
export async function runPublishRollback(
  options: PublishRollbackOptions,
  ctx: TaskContextOptions = {},
): Promise<PublishRollbackResult> {
  checkOptions(options, { name: "text" }, { version: "text", system: "text" });
  checkCatalog(options.catalog, ["list", "history", "point"]);
  const context = resolveContext(ctx);
  const system = options.system ?? thisSystem();
  parseEntryId(entryId({ name: options.name, version: options.version ?? "0", system }));
  const open = await catalogOf(options.catalog, context);
  await using opened = new AsyncDisposableStack();
  const operation: Operation<RollbackPlan, void, Omit<PublishRollbackResult, keyof Figures>> = {
    kind: "publish:rollback",
    subject: options.name,
    async plan(step) {
      const catalog = opened.use(await open(step.meter));
      return await planRollback(catalog, { ...options, system }, context, opened, step);
    },
    move: () => Promise.resolve(),
    async verify({ to, stores }, _moved, { meter, signal }) {
      const closure = closureOf(to, (path) => path);
      using packer = new NarPacker(signal);
      const outcomes = await Promise.all(stores.map((store) =>
        verifyStore(store, closure, {
          depth: "present",
          written: new Map(),
          hash: (path, size) => packer.hash(path, size),
          meter,
          now: Date.now,
          signal,
        })
      ));
      const failures = outcomes.flatMap((outcome) => outcome.failures ?? []);
      if (failures.length > 0) {
        const hint =
          `mend it with publish:verify ${to.id} --repair, or name another version with --version`;
        throw storeFailuresError(failures, { action: "prove", hint });
      }
    },
    async commit({ catalog, to, from }, _moved, { signal }) {
      const entry = await catalog.point(to, from, { signal });
      return { id: entry.id, from };
    },
    standing: ({ to, from }) => ({ id: to.id, from }),
  };
  return await runOperation(operation, context);
}

async function planRollback(
  catalog: CatalogWithHistory,
  { name, version, system }: PublishRollbackOptions & { system: string },
  context: TaskContext,
  opened: AsyncDisposableStack,
  step: Step,
): Promise<RollbackPlan> {
  const { signal } = step;
  const entries = await catalog.list({ name, system }, { signal });
  const current = entries.find((entry) => entry.current);
  if (current === undefined) {
    throw new UsageError(
      `Cannot roll "${name}" back: "${catalog.url}" has no entry of it for ${system}`,
      { hint: `${seeAll}, and name its system with --system` },
    );
  }
  const history = (await catalog.history(name, { signal })).filter((line) =>
    line.system === system
  );
  const before = version ?? versionsBefore(history, current.version)
    .find((each) => entries.some((entry) => entry.version === each));
  const to = entries.find((entry) => entry.version === before);
  if (to === undefined) {
    throw noneToGoTo(name, version, current.version, catalog.url, entries.length);
  }
  const openStores = await entryStores(to, { stores: [], keys: [], publicKeys: [] }, context);
  const stores = (await openStores(step.meter)).map((store) => opened.use(store));
  const requests = stores.reduce(
    (sum, { cache }) => sum + 2 * cache.reader.requestsEach * to.closure.length,
    catalog.requestsEach,
  );
  const changed = to.version !== current.version;
  if (changed) await catalog.foresee?.();
  return {
    catalog,
    to,
    from: current.version,
    stores,
    changed,
    bytesToMove: 0,
    bytesToReuse: 0,
    exact: true,
    requests: changed ? requests : 0,
    why: changed
      ? `"${catalog.url}" points to ${current.version}, and goes back to ${to.version}`
      : `"${catalog.url}" points to ${to.version} already`,
    objects: [],
  };
}

function noneToGoTo(
  name: string,
  version: string | undefined,
  current: string,
  url: string,
  versions: number,
): UsageError {
  const hint = seeAll;
  if (version !== undefined) {
    return new UsageError(`Cannot roll "${name}" back to ${version}: "${url}" has no such entry`, {
      hint,
    });
  }
  return versions === 1
    ? new UsageError(`Cannot roll "${name}" back: ${current} is its only version`, { hint })
    : new UsageError(`Cannot roll "${name}" back: nothing was current before ${current}`, {
      hint: `${hint}, and name one with --version`,
    });
}
