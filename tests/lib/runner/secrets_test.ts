import { assert, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import { secret } from "../../../lib/runner/secrets.ts";
import { task } from "../../../lib/runner/task.ts";
import { description, errorOf, runTasks } from "./run_tasks.ts";
import { environment } from "../../support/environment.ts";

Deno.test("run: what a task says of a URL is told without its user, password and query", async () => {
  const leaky = task({
    name: "leaky",
    description,
    retry: { attempts: 2, delay: 0 },
    run: () => {
      throw new Error("no https://me:hunter2@a.example/b?sig=hunter2#hunter2 today");
    },
  });
  const result = await runTasks([leaky], ["leaky"]);
  assertStringIncludes(errorOf(result).message, "no https://a.example/b?… today");
  assert(!JSON.stringify(result).includes("hunter2"), JSON.stringify(result));
});

Deno.test("run: nothing of a secret comes out", async () => {
  const leaky = task({
    name: "leaky",
    description,
    run: async ({ secrets, log, $ }) => {
      const token = secrets.env("KEDGE_TEST_TOKEN");
      log(`got ${token} and ${token.reveal()}`);
      await $`echo ${token.reveal()}`;
      throw new Error(`refused ${token.reveal()}`, { cause: new Error(`by ${token.reveal()}`) });
    },
  });
  using _environment = await environment({ KEDGE_TEST_TOKEN: "hunter2-hunter2" });
  const result = await runTasks([leaky], ["leaky"]);
  const told = JSON.stringify(result);
  assert(!told.includes("hunter2"), told);
  assertStringIncludes(told, "got [secret env KEDGE_TEST_TOKEN] and [redacted]");
});

Deno.test("run: a secret that the task file holds comes out nowhere either", async () => {
  using _environment = await environment({ KEDGE_TEST_HELD: "hunter3-hunter3" });
  const token = secret.env("KEDGE_TEST_HELD");
  const leaky = task({
    name: "leaky",
    description,
    run: ({ log }) => {
      log(`got ${token} and ${token.reveal()}`);
      return { token, value: token.reveal() };
    },
  });
  const result = await runTasks([leaky], ["leaky"]);
  const told = JSON.stringify(result);
  assert(!told.includes("hunter3"), told);
  assertStringIncludes(told, "got [secret env KEDGE_TEST_HELD] and [redacted]");
});

for (const state of ["not set", "empty"]) {
  Deno.test(`secrets.env() refuses a variable that is ${state}, as a need of it does`, async () => {
    const name = "KEDGE_TEST_NOTHING";
    using _environment = await environment(state === "empty" ? { [name]: "" } : {});
    assertThrows(() => secret.env(name), UsageError, `the environment variable is ${state}`);
    const wants = task({ name: "wants", description, needs: [{ env: name }], run: () => {} });
    const result = await runTasks([wants], ["wants"], { env: (each) => Deno.env.get(each) });
    assertStringIncludes(errorOf(result).message, `the variable ${name} is ${state}`);
  });
}
