import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { checkSshTarget, hostOf, sshArguments } from "../../../lib/ssh/ssh_target.ts";

Deno.test("checkSshTarget() takes hosts, names of the configuration and addresses", () => {
  const targets = {
    "web1": "web1",
    "root@web1.acme.dev": "web1.acme.dev",
    "ada@acme.dev@gate": "gate",
    "root@192.0.2.7": "192.0.2.7",
    "root@2001:db8::7": "2001:db8::7",
    "root@fe80::1%eth0": "fe80::1%eth0",
    "root@[2001:db8::7]": "[2001:db8::7]",
  };
  for (const [target, host] of Object.entries(targets)) {
    checkSshTarget({ target });
    assertEquals(hostOf(target), host);
  }
});

Deno.test("checkSshTarget() refuses what ssh could take for something else", () => {
  const targets = ["", "-v", "root@-v", "a b", "ssh://root@host", "root@", "@host", "a\nb", "a'b"]
    .concat(
      // A port has an option of its own, and a name has no brackets.
      ["root@host:22", "192.0.2.7:22", "root@[::1]:22", "[host", "root@[]"],
    )
    .concat(
      // ssh hands the user to the shell of a ProxyCommand.
      ["a;b@c", "`a`@c", "$(a)@c", "a|b@c", "a&b@c", "'a'@c", "a{b,c}@d", "a>b@c", "\x1b@c"],
    );
  for (const target of targets) assertThrows(() => checkSshTarget({ target }), UsageError);
  for (const port of [0, -1, 1.5, 65536, NaN]) {
    assertThrows(() => checkSshTarget({ target: "a", port }), UsageError, String(port));
  }
  for (const option of ["", "-v", "A", "A=", "A=b\nC=d", "=b"]) {
    assertThrows(() => checkSshTarget({ target: "a", sshOptions: [option] }), UsageError);
  }
  assertThrows(() => checkSshTarget({ target: "a", identityFile: 'a"b' }), UsageError, '"a\\"b"');
});

Deno.test("sshArguments() puts the target's own options first, since ssh takes the first", () => {
  const all = sshArguments({
    target: "root@web1",
    port: 2222,
    identityFile: "/my keys/100%",
    knownHosts: "/known hosts",
    acceptNewHostKey: true,
    sshOptions: ["ConnectTimeout=1", "ProxyJump gate"],
  });
  assertEquals(all.slice(0, 17), [
    ...["-T", "-p", "2222", "-o", "ConnectTimeout=1", "-o", "ProxyJump gate"],
    ...["-o", 'UserKnownHostsFile="/known hosts"', "-o", "StrictHostKeyChecking=accept-new"],
    ...["-o", 'IdentityFile="/my keys/100%%"', "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"],
  ]);
  assertEquals(all.slice(-2), ["--", "root@web1"]);
});

Deno.test("sshArguments() takes the brackets from an address, which ssh does not know", () => {
  for (const target of ["root@[fe80::1%eth0]", "root@fe80::1%eth0"]) {
    assertEquals(sshArguments({ target }).at(-1), "root@fe80::1%eth0");
  }
});
