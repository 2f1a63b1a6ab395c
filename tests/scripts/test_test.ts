import { assertEquals } from "@std/assert";
import { readReport } from "../../scripts/test.ts";

Deno.test("readReport() counts passed, failed and skipped cases and keeps the names of the skipped", () => {
  const xml = `<testsuites><testsuite name="a">
    <testcase name="one" classname="x" time="0.1"></testcase>
    <testcase name="two" time="0.1"/>
    <testcase name="three" time="0.1"><failure message="no">at</failure></testcase>
    <testcase name="four [missing: nginx]" time="0"><skipped/></testcase>
    <testcase name="five &lt;&amp;&gt;" time="0"><skipped/></testcase>
  </testsuite></testsuites>`;
  assertEquals(readReport(xml), {
    passed: 2,
    failed: 1,
    skipped: ["four [missing: nginx]", "five <&>"],
  });
});
