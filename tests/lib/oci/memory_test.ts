import { assertEquals } from "@std/assert";
import {
  recallHabits,
  recallUpload,
  rememberHabits,
  rememberUpload,
} from "../../../lib/oci/memory.ts";
import { TestMemory } from "../../support/test_memory.ts";

Deno.test("a memory gives back what was remembered of a registry and of an upload", () => {
  const memory = new TestMemory();
  const habits = { chunks: false, minChunkBytes: 5, mostChunkBytes: 7 };
  rememberHabits(memory, "a.test", habits);
  assertEquals(recallHabits(memory, "a.test"), habits);
  rememberUpload(memory, "a.test/b", "sha256:0", { location: "http://a.test/x", offset: 7 });
  const upload = { location: "http://a.test/x", offset: 7 };
  assertEquals(recallUpload(memory, "a.test/b", "sha256:0"), upload);
  rememberUpload(memory, "a.test/b", "sha256:0", undefined);
  assertEquals(recallUpload(memory, "a.test/b", "sha256:0"), undefined);
});

Deno.test("a memory that holds something else is as good as an empty one", () => {
  const memory = new TestMemory();
  const strange = [
    {},
    [],
    { chunks: "yes", resumes: true },
    { minChunkBytes: -1, resumes: true },
    { mostChunkBytes: "all", resumes: true },
    { mostChunkBytes: 1e300 },
    { location: "nowhere", offset: 7 },
    { location: "http://a.test/x", offset: 0.5 },
    { location: "http://a.test/x" },
  ];
  for (const value of strange) {
    memory.remember("registry", "a.test", value);
    memory.remember("upload", "a.test/b@sha256:0", value);
    assertEquals(recallHabits(memory, "a.test"), {});
    assertEquals(recallUpload(memory, "a.test/b", "sha256:0"), undefined);
  }
});
