import { assertEquals } from "@std/assert";
import { takesContext } from "../../../lib/runner/takes_context.ts";

// deno-lint-ignore no-explicit-any -- any function may be handed in
type Call = (...args: any[]) => unknown;

const wrapped = (call: Call): Call => (...args) => call(...args);
const methods = {
  plain() {},
  async later() {},
  counts() {
    return arguments.length;
  },
  with(context: unknown) {
    return context;
  },
};

for (
  const [what, call, takes] of [
    ["nothing", undefined, false],
    ["an arrow without parameters", () => {}, false],
    ["an async arrow without parameters", async () => await Promise.resolve(), false],
    ["a function without parameters", function () {}, false],
    ["a method without parameters", methods.plain, false],
    ["an async method without parameters", methods.later, false],
    ["an arrow with one", (context: unknown) => context, true],
    ["a method with one", methods.with, true],
    ["an arrow with a default", (context = {}) => context, true],
    ["an arrow that gathers all", (...all: unknown[]) => all, true],
    ["a function that looks at its arguments", methods.counts, true],
    ["a wrapper", wrapped(() => {}), true],
    ["a bound function", methods.with.bind(methods), true],
    ["a bound function without parameters", methods.plain.bind(methods), true],
    ["a generator", function* () {}, true],
  ] as [string, Call | undefined, boolean][]
) {
  Deno.test(`takesContext() of ${what} is ${takes}`, () => {
    assertEquals(takesContext(call), takes);
  });
}
