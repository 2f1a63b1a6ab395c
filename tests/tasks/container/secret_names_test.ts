import { assertEquals } from "@std/assert";
import type { Digest } from "../../../lib/base/digest.ts";
import { Redactor } from "../../../lib/base/redactor.ts";
import { isEngineVariable } from "../../../lib/container/run_container.ts";
import { checkInContainer } from "../../../tasks/container/options.ts";

const digest = `sha256:${"0".repeat(64)}` as Digest;
const base = {
  ...{ reference: "docker://127.0.0.1:1/nixos/nix:2.8.0", digest, manifestDigest: digest },
  ...{ configDigest: digest, platform: "linux/amd64" },
};

Deno.test("inContainer() puts a text that holds a secret into no argument, under names that only look like an engine's", () => {
  const redactor = new Redactor();
  redactor.add("hunter2-hunter2");
  for (const name of ["STORAGE_KEY", "STORAGE_ACCOUNT_URL", "LISTEN_TOKEN", "DBUS_PASSWORD"]) {
    const options = { base, run: ["true"], env: { [name]: "https://a?sig=hunter2-hunter2" } };
    const { env, secretEnv = {} } = checkInContainer(options, redactor);
    assertEquals([Object.keys(env), Object.keys(secretEnv)], [[], [name]]);
  }
});

Deno.test("isEngineVariable() knows the names by which podman goes", () => {
  const names = ["STORAGE_DRIVER", "STORAGE_OPTS", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
  const more = ["DBUS_SESSION_BUS_ADDRESS", "NOTIFY_SOCKET", "REGISTRY_AUTH_FILE", "HOME"];
  assertEquals([...names, ...more].filter((name) => !isEngineVariable(name)), []);
});
