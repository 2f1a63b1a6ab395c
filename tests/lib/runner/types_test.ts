import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../../lib/base/errors.ts";
import type { ArgsInput, ArgsOf, NeedsArgs } from "../../../lib/runner/arg.ts";
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
    readonly arch?: "x86_64" | "aarch64" | undefined;
    readonly strict?: boolean | undefined;
    readonly jobs?: number | undefined;
    readonly paths?: readonly string[] | undefined;
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

Deno.test("types: each kind of argument has its own type, given, by default or left out", () => {
  const description = "A";
  const every = {
    text: arg.string({ description }),
    count: arg.number({ description, default: 1, min: 0, max: 9 }),
    wait: arg.duration({ description, default: "30s" }),
    size: arg.bytes({ description, required: true }),
    file: arg.path({ description, positional: true, required: true }),
    word: arg.enum(["a", "b"], { description }),
    more: arg.list(arg.number({ description }), { positional: true, required: true }),
    some: arg.list(arg.enum(["x", "y"], { description }), { default: ["x"] }),
    is: arg.boolean({ description, default: true }),
  };
  same<ArgsOf<typeof every>, {
    readonly count: number;
    readonly wait: number;
    readonly size: number;
    readonly file: string;
    readonly more: readonly number[];
    readonly some: readonly ("x" | "y")[];
    readonly is: boolean;
    readonly text?: string;
    readonly word?: "a" | "b";
  }>();
  same<NeedsArgs<typeof every>, true>();
  same<NeedsArgs<Pick<typeof every, "count" | "is" | "text">>, false>();
});

Deno.test("types: a task from inside another takes its arguments and gives its result", () => {
  task({
    name: "outer",
    description: "A",
    args: { host: arg.string({ description: "A", required: true }) },
    confirm: ({ host }) => {
      same<typeof host, string>();
      return host;
    },
    permissions: ({ host }, cacheDir) => ({ net: [host], read: [cacheDir] }),
    fresh: async ({ args, run }) => {
      same<typeof args.host, string>();
      const { path } = await run(build, { name: args.host, tags: ["b"] });
      return path === "" ? { why: "it is there", value: 1 } : undefined;
    },
    run: async ({ run }) => {
      const { path } = await run(build, { name: "x", tags: ["a"], arch: "aarch64" });
      same<typeof path, string>();
      const nothing = await run(plain);
      same<typeof nothing, void>();
      return path.length;
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
  // @ts-expect-error: a number is not a text
  build.with({ name: 1, tags: ["a"] });
  // @ts-expect-error: one of the tags is none
  build.with({ name: "x", tags: ["a", "z"] });
  // @ts-expect-error: a range has numbers
  arg.number({ description: "A", min: "1" });
  // @ts-expect-error: the default is not a number
  arg.number({ description: "A", default: "1" });
  // @ts-expect-error: an item of the default is none of the values
  arg.list(arg.enum(["x", "y"], { description: "A" }), { default: ["z"] });
  // @ts-expect-error: what is evidence must come with the result
  task({ name: "d", description: "D", fresh: () => ({ why: "it is there" }), run: () => 1 });
  task({
    name: "e",
    description: "E",
    deps: { build: build.with({ name: "x", tags: ["a"] }) },
    run: async ({ deps, run, args }) => {
      // @ts-expect-error: the result has no such field
      deps.build.pathh;
      // @ts-expect-error: a dependency cannot be changed
      deps.build = { path: "" };
      // @ts-expect-error: there are no arguments
      args.name;
      // @ts-expect-error: it cannot run without arguments
      await run(build);
      // @ts-expect-error: there is no such argument
      await run(build, { name: "x", tags: ["a"], nam: "y" });
    },
  });
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
      [
        () => task({ name: "a", description, run, timeout: "soon" }),
        'Cannot declare the task "a": Cannot read the duration "soon": it is not a duration',
      ],
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

Deno.test("task() refuses what only a compiler that is not asked lets pass", () => {
  const declare = (more: object) => () =>
    task({ name: "a", description: "Do nothing", run() {}, ...more });
  for (
    const [more, message] of [
      [{ confrim: "Erase it?" }, 'it has no option "confrim"'],
      [{ __proto__: null, toString: 1 }, 'it has no option "toString"'],
      [{ confirm: 5 }, "its confirm must be a text or a function"],
      [{ deps: [] }, "its deps must be an object or a function"],
      [{ needs: {} }, "its needs must be a list"],
      [{ needs: [{ tol: "nix" }] }, "one of its needs names none of tool, env, file"],
      [{ needs: [null] }, "one of its needs names none of tool, env, file"],
      [{ needs: [{ tool: 5 }] }, 'the "tool" of one of its needs must be a text'],
      [{ needs: [{ tool: "nix", verson: ">=2" }] }, 'its need of a "tool" has no option "verson"'],
      [{ retry: { attemts: 3 } }, 'its retry has no option "attemts"'],
      [{ args: { host: undefined } }, 'its argument "host" was not made by arg'],
      [{ args: { host: { description: "Host" } } }, 'its argument "host" was not made by arg'],
      [{ fresh: "yes" }, "its fresh must be a function"],
      [{ output: "path" }, "its output must be a function"],
      [{ permissions: { nett: true } }, 'its permissions have no option "nett"'],
      [{ permissions: { all: ["x"] } }, 'the "all" of its permissions must be true or false'],
      [
        { permissions: { net: "acme.dev" } },
        'the "net" of its permissions must be true, false or a list of texts',
      ],
      [{ query: 1 }, "its query must be true or false"],
    ] as const
  ) {
    assertThrows(declare(more), UsageError, message);
  }
  const error = assertThrows(declare({ confrim: "Erase it?" }), UsageError);
  assertEquals(error.hint, "did you mean confirm?");
  declare({ confirm: undefined, group: undefined })();
});
