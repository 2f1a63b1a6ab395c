/** The way by which Deno's fetch goes, which what is sent by other means goes too. */
import { assertEquals } from "@std/assert";
import { proxyOf } from "../../../lib/http/proxy_of.ts";

const cases: readonly (readonly [string, Record<string, string>, "by" | "past"])[] = [
  ["localhost", {}, "past"],
  ["localhost", { HTTP_PROXY: "http://PROXY" }, "by"],
  ["localhost", { http_proxy: "PROXY" }, "by"],
  ["localhost", { HTTP_PROXY: "", http_proxy: "HTTP://PROXY/" }, "by"],
  ["localhost", { HTTPS_PROXY: "http://PROXY" }, "past"],
  ["localhost", { HTTP_PROXY: "http://127.0.0.1:1", ALL_PROXY: "PROXY" }, "by"],
  ["localhost", { HTTP_PROXY: "http://PROXY", ALL_PROXY: "ftp://127.0.0.1:1" }, "by"],
  ["localhost", { ALL_PROXY: "a b", all_proxy: "http://PROXY" }, "by"],
  ["localhost", { HTTP_PROXY: " http://PROXY" }, "past"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: "a, localhost ,b" }, "past"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: "LOCALHOST" }, "by"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: ".localhost" }, "past"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: "ocalhost" }, "by"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: "localhost:PORT" }, "by"],
  ["localhost", { ALL_PROXY: "PROXY", NO_PROXY: "", no_proxy: "localhost" }, "by"],
  ["localhost", { ALL_PROXY: "PROXY", no_proxy: "*" }, "past"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "127.0.0.1" }, "past"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "127.0.0.1:PORT" }, "by"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "127.99.0.0/8" }, "past"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "128.0.0.0/8,::/0,127.0.0.1/33" }, "by"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "127.0.0.1-127.0.0.9" }, "by"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "*" }, "by"],
  ["127.0.0.1", { ALL_PROXY: "PROXY", NO_PROXY: "0.0.1,.0.0.1" }, "by"],
  ["[::1]", { ALL_PROXY: "PROXY", NO_PROXY: "*" }, "by"],
  ["[::1]", { ALL_PROXY: "PROXY", NO_PROXY: "0:0:0:0:0:0:0:1" }, "past"],
  ["[::1]", { ALL_PROXY: "PROXY", NO_PROXY: "::/64" }, "past"],
  ["[::1]", { ALL_PROXY: "PROXY", NO_PROXY: "[::1]" }, "by"],
];

/** Not every machine has it. */
const hasSix = Deno.networkInterfaces().some(({ address }) => address === "::1");

for (const [host, given, way] of cases) {
  const name = `proxyOf() leads ${way} the proxy to ${host}, as fetch goes, with ${
    JSON.stringify(given)
  }`;
  Deno.test({ name, ignore: host === "[::1]" && !hasSix }, async () => {
    const serve = (hostname: string, word: string) =>
      Deno.serve({ hostname, port: 0, onListen() {} }, () => new Response(word));
    await using proxy = serve("127.0.0.1", "by");
    await using server = serve(host === "[::1]" ? "::1" : "127.0.0.1", "past");
    const env = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        value.replace("PROXY", `127.0.0.1:${proxy.addr.port}`)
          .replace("PORT", String(server.addr.port)),
      ]),
    );
    const url = `http://${host}:${server.addr.port}/`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", `console.log(await (await fetch("${url}")).text())`],
      clearEnv: true,
      env: { HOME: "/nonexistent", DENO_NO_UPDATE_CHECK: "1", ...env },
    }).output();
    const found = proxyOf(new URL(url), env);
    assertEquals([new TextDecoder().decode(stdout).trim(), found ? "by" : "past"], [way, way]);
  });
}
