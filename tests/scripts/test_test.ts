import { assertEquals } from "@std/assert";
import { readReport } from "../../scripts/test.ts";

Deno.test("readReport() counts the passed cases and keeps what failed, with its words, and the names of the skipped", () => {
  const xml = `<testsuites><testsuite name="a">
    <testcase name="one" classname="x" time="0.1"></testcase>
    <testcase name="two" time="0.1"/>
    <testcase name="three" classname="./x_test.ts" time="0.1" line="3" col="6">
      <failure message="a &gt; b">Error: a &gt; b
    at x_test.ts:3:6</failure>
    </testcase>
    <testcase name="four [missing: nginx]" time="0"><skipped/></testcase>
    <testcase name="five &lt;&amp;&gt;" time="0"><skipped/></testcase>
  </testsuite></testsuites>`;
  assertEquals(readReport(xml), {
    passed: 2,
    failed: [{ name: "three", at: "./x_test.ts:3", text: "Error: a > b\n    at x_test.ts:3:6" }],
    skipped: ["four [missing: nginx]", "five <&>"],
  });
});

Deno.test("readReport() takes a case that was cut off by another one for failed, as Deno reports it", () => {
  const xml = `<testsuites><testsuite name="a">
    <testcase name="one" classname="./x_test.ts" time="0.1" line="1" col="6">
    </testcase>
    <testcase name="two" classname="./x_test.ts" time="0.0" line="2" col="6">
      <error message="Cancelled"/>
    </testcase>
    <testcase name="three" classname="./x_test.ts" time="0.0" line="3" col="6">
      <failure message="a &gt; b" />
    </testcase>
  </testsuite></testsuites>`;
  assertEquals(readReport(xml), {
    passed: 1,
    failed: [
      { name: "two", at: "./x_test.ts:2", text: "Cancelled" },
      { name: "three", at: "./x_test.ts:3", text: "a > b" },
    ],
    skipped: [],
  });
});
