import type { Digest } from "../../lib/base/digest.ts";
import { digestHex } from "../../lib/base/digest_text.ts";
import { tarballSuffixes } from "../../lib/kexec/tarball_compression.ts";
import { answerFunction, readAnswers } from "../../lib/ssh/read_answers.ts";
import { RemoteFile } from "../../lib/ssh/remote_file.ts";
import type { SshSession } from "../../lib/ssh/ssh_session.ts";
import { programsToBoot } from "./boot_bundle.ts";
import type { CheckedStage } from "./check_stage.ts";
import type { StageKexecOptions } from "./stage_kexec.ts";
import { factsScript, readFacts, type TargetFacts } from "./target_facts.ts";

/** The bundle on the host, where it goes by its digest. */
export function remoteBundle(
  { bundle, remoteFolder }: StageKexecOptions,
  { digest, size }: { digest: Digest; size: number },
): RemoteFile {
  const suffix = tarballSuffixes.find((each) => bundle.endsWith(each))!;
  return new RemoteFile({
    path: bundle,
    digest,
    size,
    name: `bundle-${digestHex(digest)}${suffix}`,
    ...(remoteFolder === undefined ? {} : { folder: remoteFolder }),
  });
}

/** Asks a host at once for what it tells of itself and what it has of a bundle, if its digest is known. */
export async function askHost(
  session: SshSession,
  { boot, compression }: CheckedStage,
  file: RemoteFile | undefined,
): Promise<{ facts: TargetFacts; answers: Record<string, string> }> {
  const facts = factsScript(boot ? programsToBoot(compression) : []);
  const { stdout } = await session.run(
    `set -u\n${answerFunction}\n${facts}\n${file === undefined ? "" : file.prelude + file.probe}`,
  );
  const answers = readAnswers(stdout);
  return { facts: readFacts(answers, session.target.target), answers };
}
