import {
  IncompleteError,
  KedgeError,
  NoRoomError,
  VerificationError,
} from "../../lib/base/errors.ts";
import { argumentBatches } from "../../lib/nix/program/argument_batches.ts";
import {
  askPathInfo,
  byNaming,
  isDerivation,
  offline,
} from "../../lib/nix/program/ask_path_info.ts";
import { lastError, runNix } from "../../lib/nix/program/nix_command.ts";
import { parsePresentPathInfo, type PathInfo } from "../../lib/nix/path_info.ts";
import { type NixStoreOptions, runNixStore } from "../../lib/nix/program/run_nix_store.ts";
import type { SourcePath } from "../../lib/nix/source_path.ts";
import type { Operation, Step } from "../../lib/operation/operation.ts";
import {
  type CopyStanding,
  exported,
  type ExportPlan,
  exportPlan,
  narBytesOf,
  type Selection,
} from "./export_plan.ts";
import type { ExportParts } from "./export_parts.ts";
import { goneHint } from "./gone_hint.ts";
import type { StoreEnd } from "./store_end.ts";

/** The export to a store of this machine: Nix itself takes the paths, and hashes them. */
export function exportToNix(
  { options, end, subject, select }: ExportParts<"nix">,
): Operation<ExportPlan, void, CopyStanding> {
  const lacking = async ({ closure }: Selection, signal: AbortSignal): Promise<SourcePath[]> => {
    const nix = { ...options.nix, store: end.store, signal };
    const known = new Map<string, PathInfo>();
    const paths = closure.map(({ storePath }) => storePath.path);
    const absent = await absentDerivations(paths.filter(isDerivation), end, nix);
    const asked = paths.filter((path) => !absent.has(path));
    for (const answer of await askPathInfo(asked, [], `ask "${end.shown}"`, nix)) {
      for (const info of parsePresentPathInfo(answer)) known.set(info.storePath.path, info);
    }
    return closure.filter((source) => {
      const info = known.get(source.storePath.path);
      if (info === undefined) return true;
      if (info.narHash === source.narHash) return false;
      throw new VerificationError(
        `Cannot export "${source.storePath.path}" to "${end.shown}": it holds another build of it`,
        { side: "destination", data: { ours: source.narHash, theirs: info.narHash } },
      );
    });
  };
  return {
    kind: "base-image:export",
    subject,
    async plan({ meter, signal }) {
      const selection = await select({ meter, signal });
      return {
        ...selection,
        ...exportPlan(selection, await lacking(selection, signal), end.shown),
      };
    },
    async move({ folder, closure, missing }, { meter, signal }: Step) {
      meter.reused(narBytesOf(closure) - narBytesOf(missing));
      using object = meter.object(end.shown, narBytesOf(missing));
      const args = [
        ...[...offline, "copy", "--no-check-sigs", "--from", folder.uri, "--to", end.store],
        ...(options.closure === false ? ["--no-recursive"] : []),
      ];
      for (const { flags, paths } of byNaming(missing.map(({ storePath }) => storePath.path))) {
        for (const batch of argumentBatches(paths)) {
          const all = [...args, ...flags, ...batch];
          const { code, stderr } = await runNix(all, { ...options.nix, signal });
          if (code !== 0) throw copyFailed(end.shown, code, stderr);
        }
      }
      object.moved(narBytesOf(missing));
    },
    async verify(plan, _moved, { signal }) {
      const [still] = await lacking(plan, signal);
      if (still === undefined) return;
      throw new IncompleteError(
        `Cannot export "${still.storePath.path}" to "${end.shown}": it is not there after nix copy`,
        { side: "destination" },
      );
    },
    commit: (plan) => Promise.resolve(exported(plan)),
    standing: exported,
  };
}

/** The derivations that a store lacks: `nix path-info` would end at the first one. */
async function absentDerivations(
  paths: readonly string[],
  { store, shown }: StoreEnd & { kind: "nix" },
  nix: NixStoreOptions,
): Promise<ReadonlySet<string>> {
  const absent = new Set<string>();
  for (const batch of argumentBatches(paths)) {
    const args = ["--store", store, "--check-validity", "--print-invalid", ...batch];
    const { code, stdout, stderr } = await runNixStore(args, nix);
    if (code !== 0) {
      throw new KedgeError(
        `Cannot ask "${shown}": nix-store ended with code ${code}${lastError(stderr)}`,
        { side: "destination", data: { stderr: stderr.slice(-4000) } },
      );
    }
    for (const path of stdout.split("\n").filter(Boolean)) absent.add(path);
  }
  return absent;
}

/** The error of a `nix copy` that failed, in Nix's words. */
function copyFailed(shown: string, code: number, stderr: string): KedgeError {
  const message = `Cannot export to "${shown}": nix copy ended with code ${code}${
    lastError(stderr)
  }`;
  const data = { stderr: stderr.slice(-4000) };
  if (/hash mismatch/.test(stderr)) {
    return new VerificationError(message, {
      side: "source",
      data,
      hint: "something changed that path; remove its files, and carry its image or import it again",
    });
  }
  if (/No space left on device|disk is full/i.test(stderr)) {
    return new NoRoomError(message, { side: "destination", data });
  }
  if (/No such file or directory/.test(stderr)) {
    return new KedgeError(message, { side: "source", data, hint: goneHint });
  }
  return new KedgeError(message, { side: "destination", data });
}
