import { refusedOption } from "../base/check_options.ts";
import { UsageError } from "../base/errors.ts";

/** A host that is reached by the program `ssh`, which reads its own configuration too. */
export interface SshTarget {
  /** `host`, `user@host`, or a name of `~/.ssh/config`; an address of IPv6 with brackets or without. */
  target: string;
  /** The port. @default {what ssh's configuration says, 22} */
  port?: number | undefined;
  /** The private key; no other one is offered then. @default {what ssh's configuration and agent have} */
  identityFile?: string | undefined;
  /** The file of known host keys. @default {what ssh's configuration says, ~/.ssh/known_hosts} */
  knownHosts?: string | undefined;
  /** Whether the key of a host that is not known is taken on first use; one that changed never is. @default {false} */
  acceptNewHostKey?: boolean | undefined;
  /** Further options as in `ssh_config`: `ProxyJump=gate`. */
  sshOptions?: readonly string[] | undefined;
}

/**
 * Checks a target.
 *
 * @throws {UsageError} if a part of it could not be meant: a dash at its beginning, white space, what a shell of a ProxyCommand would obey,
 * a port that is none
 */
export function checkSshTarget(target: SshTarget): void {
  if (typeof target.target !== "string") throw refusedOption("target", target.target, "a text");
  const isHost = /^(?![-@])(?:[^\s:/'"`;&<>|(){}\p{Cc}]+@)?(?:\[[\w:.%]+\]|[\w:.%][\w:.%-]*)$/u
    .test(target.target);
  // An address has more than one colon; behind a single one stands a port.
  if (!isHost || /^[^:]*:[^:]*$/.test(hostOf(target.target))) {
    throw new UsageError(
      `Cannot use the target ${JSON.stringify(target.target)}: it names no host`,
      { hint: "write user@host; a port has its own option" },
    );
  }
  const { port, sshOptions = [], identityFile, knownHosts } = target;
  if (port !== undefined) checkPort(port);
  for (const option of sshOptions) {
    if (/^[A-Za-z][A-Za-z0-9]*[ \t]*[= \t][^\0\n]+$/.test(option)) continue;
    throw new UsageError(
      `Cannot use the ssh option ${JSON.stringify(option)}: it is not NAME=VALUE`,
    );
  }
  for (const [name, path] of Object.entries({ identityFile, knownHosts })) {
    if (path === undefined || (path !== "" && !/[\0\n"]/.test(path))) continue;
    throw new UsageError(
      `Cannot use ${name} ${JSON.stringify(path)}: it is not a path that ssh takes`,
    );
  }
}

/** Throws unless a number is a port. */
export function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return;
  throw new UsageError(`Cannot use the port ${port}: it is not a number from 1 to 65535`);
}

/** The host of a target, without the user; an address of IPv6 stands as it was given, in brackets or not. */
export function hostOf(target: string): string {
  return target.slice(target.lastIndexOf("@") + 1);
}

/** A target as the program `ssh` takes it, which knows no brackets around an address. */
export function withoutBrackets(target: string): string {
  return target.replace(/\[(.*)\]$/, "$1");
}

/**
 * The arguments of `ssh` that lead to a target without ever asking anybody. The target's own options come first, since ssh takes
 * the first that it is given of each.
 */
export function sshArguments(target: SshTarget): string[] {
  const { port, identityFile, knownHosts, acceptNewHostKey = false, sshOptions = [] } = target;
  const path = (file: string) => `"${file.replaceAll("%", "%%")}"`;
  const options = [
    ...sshOptions,
    ...(knownHosts === undefined ? [] : [`UserKnownHostsFile=${path(knownHosts)}`]),
    ...(acceptNewHostKey ? ["StrictHostKeyChecking=accept-new"] : []),
    ...(identityFile === undefined
      ? []
      : [`IdentityFile=${path(identityFile)}`, "IdentitiesOnly=yes"]),
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=10",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
  ];
  return [
    "-T",
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...options.flatMap((option) => ["-o", option]),
    "--",
    withoutBrackets(target.target),
  ];
}
