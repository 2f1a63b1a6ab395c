/** How a child ends that itself passes on the signal that ends it. */
import { assertEquals, assertRejects } from "@std/assert";
import { runProcess } from "../../../lib/base/process_group.ts";

const script = `sleep 1000 &
passing='i=0; while [ $i -lt 50 ]; do i=$((i+1)); sleep 0.01; done; echo passed'
trap 'sh -c "$passing"; exit' TERM
echo ready
while :; do sleep 0.01; done`;

Deno.test({
  name:
    "runProcess() leaves alone what a child does to pass SIGTERM on, and ends the rest after it",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const stop = new AbortController();
    const decoder = new TextDecoder();
    let said = "";
    const run = runProcess("sh", {
      args: ["-c", script],
      passesSignals: true,
      graceMs: 600_000,
      signal: stop.signal,
      onStdout: (bytes) => {
        said += decoder.decode(bytes, { stream: true });
        if (said === "ready\n") stop.abort(new Error("enough"));
      },
    });
    await assertRejects(() => run, Error, "enough");
    assertEquals(said, "ready\npassed\n");
  },
});
