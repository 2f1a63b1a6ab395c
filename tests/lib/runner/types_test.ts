import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { ArgsInput, ArgsOf } from "../../../lib/runner/arg.ts";
import { arg } from "../../../lib/runner/arg_builder.ts";
import { type ResultOf, task } from "../../../lib/runner/task.ts";

/** Fails to compile unless both types are the same. */
function same<A, B>(
  ..._proof: (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? [] : [never]
): void {}

const build = task({
  name: "build",
  description: "Build for one machine",
  args: {
    arch: arg.enum(["x86_64", "aarch64"], { description: "For what", default: "x86_64" }),
    name: arg.string({ description: "What", required: true }),
    jobs: arg.number({ description: "How many", integer: true }),
    paths: arg.list(arg.path({ description: "Where" })),
    tags: arg.list(arg.enum(["a", "b"], { description: "Tags" }), { required: true }),
    strict: arg.boolean({ description: "Strictly" }),
  },
  run: ({ args }) => Promise.resolve({ path: `${args.name}-${args.arch}` }),
});

const plain = task({ name: "plain", description: "Do nothing", run: () => {} });

Deno.test("types: arguments have the types of their declarations", () => {
  same<ArgsOf<typeof build.args>, {
    readonly arch: "x86_64" | "aarch64";
    readonly name: string;
    readonly tags: readonly ("a" | "b")[];
    readonly strict: boolean;
    readonly jobs?: number;
    readonly paths?: readonly string[];
  }>();
});

Deno.test("types: a caller passes what is required and may pass the rest", () => {
  same<ArgsInput<typeof build.args>, {
    readonly name: string;
    readonly tags: readonly ("a" | "b")[];
    readonly arch?: "x86_64" | "aarch64";
    readonly strict?: boolean;
    readonly jobs?: number;
    readonly paths?: readonly string[];
  }>();
});

Deno.test("types: results are those of the run functions", () => {
  same<ResultOf<typeof build>, { path: string }>();
  same<ResultOf<typeof plain>, void>();
  const invocation = build.with({ name: "x", tags: ["a"] });
  same<ResultOf<typeof invocation>, { path: string }>();
});

Deno.test("types: dependencies give their results, and may depend on the arguments", () => {
  task({
    name: "ship",
    description: "Ship it",
    args: { name: arg.string({ description: "What", required: true }) },
    deps: (args) => ({ build: build.with({ name: args.name, tags: ["a"] }), plain }),
    run: ({ args, deps }) => {
      same<typeof args.name, string>();
      same<typeof deps.build, { path: string }>();
      same<typeof deps.plain, void>();
      return deps.build.path.length;
    },
    output: (length) => {
      same<typeof length, number>();
      return String(length);
    },
  });
});

Deno.test("types: what cannot be does not compile", () => {
  // @ts-expect-error: build cannot run without arguments
  task({ name: "a", description: "A", deps: { build }, run: () => {} });
  // @ts-expect-error: there is no such architecture
  build.with({ name: "x", tags: ["a"], arch: "arm" });
  // @ts-expect-error: the name is missing
  build.with({ tags: ["a"] });
  // @ts-expect-error: there is no such option
  arg.string({ description: "A", requird: true });
  // @ts-expect-error: the default is none of the values
  arg.enum(["a", "b"], { description: "A", default: "c" });
  // @ts-expect-error: what must be given has no default
  arg.string({ description: "A", required: true, default: "x" });
  // @ts-expect-error: there is no such argument
  task({ name: "b", description: "B", run: ({ args }) => args.nothing });
  // @ts-expect-error: there is no such dependency
  task({ name: "c", description: "C", run: ({ deps }) => deps.nothing });
});

Deno.test("task() refuses a declaration that cannot be", () => {
  const description = "Do nothing";
  const run = () => {};
  const text = arg.string({ description });
  for (
    const [declare, message] of [
      [() => task({ name: "", description, run }), "its name is not a word"],
      [() => task({ name: "a b", description, run }), "its name is not a word"],
      [() => task({ name: "-a", description, run }), "its name is not a word"],
      [() => task({ name: "a", description: "", run }), "it has no description"],
      [() => task({ name: "a", description, run, timeout: 0 }), "its timeout is 0"],
      [() => task({ name: "a", description, run, timeout: "soon" }), "it names no time"],
      [() => task({ name: "a", description, run, retry: 0 }), '"attempts" must not be 0'],
      [() => task({ name: "a", description, run, args: { "max-age": text } }), "camelCase"],
      [
        () =>
          task({
            name: "a",
            description,
            run,
            args: {
              all: arg.list(text, { positional: true }),
              one: arg.string({ description, positional: true }),
            },
          }),
        'its argument "one" stands after the list "all"',
      ],
      [
        () =>
          task({
            name: "a",
            description,
            run,
            args: {
              one: arg.string({ description, positional: true }),
              two: arg.string({ description, positional: true, required: true }),
            },
          }),
        '"two" must be given, but "one" before it may be left out',
      ],
    ] as const
  ) {
    assertThrows(declare, UsageError, message);
  }
  assertEquals(task({ name: "image:sync", description, run }).name, "image:sync");
});
