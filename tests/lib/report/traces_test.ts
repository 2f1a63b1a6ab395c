/** Spans, as a collector gets them. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { runKedge } from "../../support/program.ts";

const program = fromFileUrl(new URL("./fixtures/tasks.ts", import.meta.url));

interface Span {
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  status: { code: number; message: string };
}

interface Dependency {
  code?: { specifier: string };
  npmPackage?: string;
  isDynamic?: boolean;
}

/** A collector of OTLP over HTTP. */
class Collector implements AsyncDisposable {
  /** All that came, as it came. */
  text = "";
  /** The spans. */
  readonly spans: Span[] = [];
  #server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.text();
    this.text += body;
    if (request.url.endsWith("/v1/traces")) {
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
      };
      const groups = resourceSpans.flatMap(({ scopeSpans }) => scopeSpans);
      this.spans.push(...groups.flatMap(({ spans }) => spans));
    }
    return Response.json({});
  });

  /** The variables that make a program send its spans here. */
  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
  }

  /** The names of the spans from the root to each, sorted. */
  get paths(): string[] {
    const known = new Map(this.spans.map((span) => [span.spanId, span]));
    const pathOf = (span: Span): string => {
      const above = known.get(span.parentSpanId);
      return above === undefined ? span.name : `${pathOf(above)} > ${span.name}`;
    };
    return this.spans.map(pathOf).sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

async function traced(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ collector: Collector; code: number; stderr: string }> {
  await using collector = new Collector();
  const cacheDir = await Deno.makeTempDir();
  try {
    const { code, stderr } = await runKedge(args, {
      cacheDir,
      program,
      env: { ...collector.env, ...env },
    });
    return { collector, code, stderr };
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
}

function attributesOf(spans: readonly Span[], name: string): Record<string, unknown> {
  const span = spans.find((each) => each.name === name)!;
  return Object.fromEntries(
    span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
  );
}

Deno.test("traces have a span for the run, its tasks, their tries, operations and steps", async () => {
  const { collector, code } = await traced(["works"]);
  assertEquals(code, 0);
  assertEquals(collector.paths, [
    "run works",
    "run works > task moved",
    "run works > task moved > attempt 1",
    "run works > task works",
    "run works > task works > attempt 1",
    "run works > task works > attempt 2",
    "run works > task works > attempt 2 > operation test",
    "run works > task works > attempt 2 > operation test > commit",
    "run works > task works > attempt 2 > operation test > move",
    "run works > task works > attempt 2 > operation test > plan",
    "run works > task works > attempt 2 > operation test > verify",
  ]);
  assertEquals(new Set(collector.spans.map((span) => span.traceId)).size, 1);
  const run = attributesOf(collector.spans, "run works");
  assertEquals([run["kedge.task"], run["kedge.exit_code"]], ["works", 0]);
  const operation = attributesOf(collector.spans, "operation test");
  assertEquals([operation["kedge.subject"], operation["kedge.why"]], ["a subject", "it is new"]);
  const [first] = collector.spans.filter((span) => span.name === "attempt 1" && span.status.code);
  assertEquals(first!.status, { code: 2, message: "not yet" });
});

Deno.test("traces hold no secret, wherever it appears", async () => {
  const secret = "correct horse/battery+staple==";
  await using target = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("here"),
  );
  const { collector, code, stderr } = await traced(["leaks", "--port", `${target.addr.port}`], {
    KEDGE_TEST_SECRET: secret,
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "[redacted]");
  assert(collector.paths.includes("run leaks > GET"), collector.paths.join("\n"));
  assertStringIncludes(collector.text, "[redacted]");
  for (
    const form of [
      ...["horse", "battery", encodeURIComponent(secret), btoa(secret).slice(0, 20)],
      ...["pa55word", "unknown-but-in-a-url"],
    ]
  ) {
    assert(!collector.text.includes(form), `${form} is in ${collector.text}`);
  }
});

Deno.test("nothing of OpenTelemetry is loaded before it is asked for", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", fromFileUrl(new URL("../../../mod.ts", import.meta.url))],
  }).output();
  const { roots, modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    roots: string[];
    modules: { specifier: string; dependencies?: Dependency[] }[];
  };
  const known = new Map(modules.map(({ specifier, dependencies }) => [specifier, dependencies]));
  const reached = new Set(roots);
  for (const specifier of reached) {
    for (const each of known.get(specifier) ?? []) {
      const target = each.code?.specifier ?? each.npmPackage;
      if (target !== undefined && !each.isDynamic) reached.add(target);
    }
  }
  const traces = [...known.keys()].find((specifier) => specifier.endsWith("/lib/report/traces.ts"));
  assert(traces !== undefined && !reached.has(traces));
  assertEquals([...reached].filter((specifier) => specifier.includes("opentelemetry")), []);
  assert([...reached].some((specifier) => specifier.endsWith("/lib/report/main.ts")));
});
