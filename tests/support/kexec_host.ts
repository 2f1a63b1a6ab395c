/** A host of a real sshd, and the bundles that are brought to it. @module */
import { join } from "@std/path";
import type { OperationEvent } from "../../lib/operation/event.ts";
import { Cache } from "../../lib/cache/cache.ts";
import type { TaskContextOptions } from "../../lib/runner/context.ts";
import { stageKexec, type StageKexecOptions } from "../../tasks/install/stage_kexec.ts";
import { type MadeBundle, makeBundle, type MakeBundleOptions } from "./bundle.ts";
import { writeProgram } from "./program_file.ts";
import { findProgram } from "./real.ts";
import { type Sshd, startSshd } from "./sshd.ts";

/** The architecture of this machine. */
export const machine = Deno.build.arch;

interface World {
  sshd: Sshd;
  folder: string;
  notes: string[];
  ctx: TaskContextOptions;
  /** A bundle whose `kexec/run` plays a new boot on the host. */
  bundle(options?: MakeBundleOptions & { name?: string; run?: string }): Promise<MadeBundle>;
  stage(
    bundle: MadeBundle,
    options?: Partial<StageKexecOptions>,
    ctx?: TaskContextOptions,
  ): ReturnType<typeof stageKexec>;
}

/** A test against a real sshd; its host is root's, as every host is once the installer runs. */
export function hostTest(name: string, run: (world: World) => Promise<void>): void {
  const missing = ["sshd", "ssh", "flock"].filter((each) => findProgram(each) === undefined);
  const reasons = [...missing, ...(Deno.uid() === 0 ? [] : ["root"])];
  Deno.test({
    name: reasons.length === 0 ? name : `${name} [missing: ${reasons.join(", ")}]`,
    ignore: reasons.length > 0,
    async fn() {
      await using sshd = await startSshd();
      const folder = await Deno.makeTempDir({ prefix: "kedge-test-" });
      const notes: string[] = [];
      const ctx: TaskContextOptions = {
        cache: new Cache(join(folder, "cache")),
        report: (event: OperationEvent) => {
          if (event.type === "note") notes.push(event.message);
        },
      };
      const boots = `#!/bin/sh
echo "given: $*"
echo "TMPDIR is beside it: $([ "$TMPDIR/kexec/run" = "$0" ] && echo yes)"
tail -c 8 "$(dirname "$0")/initrd" | od -An -c | tr -d ' \\n'
echo appended >>"$(dirname "$0")/initrd"
echo 22222222-$$-4000-8000-000000000000 >'${sshd.bootIdFile}'
printf 'ID=nixos\\nVARIANT_ID=installer\\n' >'${sshd.osReleaseFile}'
echo "machine will boot into nixos in 6s..."
`;
      const world: World = {
        sshd,
        folder,
        notes,
        ctx,
        bundle: ({ name = "b.tar.gz", run = boots, ...options } = {}) =>
          makeBundle(join(folder, name), {
            arch: machine,
            files: { run: new TextEncoder().encode(run) },
            ...options,
          }),
        stage: (bundle, options = {}, more = {}) =>
          stageKexec({
            ...sshd.access,
            bundle: bundle.path,
            postKexecSshPort: sshd.port,
            bootTimeout: "10m",
            ...options,
          }, { ...ctx, ...more }),
      };
      try {
        await run(world);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** Where a host has the bundle of a digest. */
export const remote = (sshd: Sshd, digest: string, suffix = ".tar.gz") =>
  join(sshd.home, "kexec", `bundle-${digest.slice("sha256:".length)}${suffix}`);

/** Puts a program before all others on the host. */
export async function onHost(sshd: Sshd, name: string, script: string): Promise<void> {
  await writeProgram(join(sshd.bin, name), `#!/bin/sh\n${script}\n`);
}
