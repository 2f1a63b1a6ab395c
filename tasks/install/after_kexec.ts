import { hostOf, type SshTarget } from "../../lib/ssh/ssh_target.ts";

/** The host as it is reached once the installer runs there: as root, on the installer's port. */
export function afterKexec(
  options: SshTarget & { postKexecSshPort?: number | undefined },
): SshTarget {
  const { target, port, identityFile, knownHosts, acceptNewHostKey, sshOptions } = options;
  const portAfter = options.postKexecSshPort ?? (port === undefined ? undefined : 22);
  return {
    target: `root@${hostOf(target)}`,
    ...(portAfter === undefined ? {} : { port: portAfter }),
    ...(identityFile === undefined ? {} : { identityFile }),
    ...(knownHosts === undefined ? {} : { knownHosts }),
    ...(acceptNewHostKey === undefined ? {} : { acceptNewHostKey }),
    ...(sshOptions === undefined ? {} : { sshOptions }),
  };
}
