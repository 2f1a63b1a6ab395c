import { assertEquals } from "@std/assert";
import { findInNetrc } from "../../../lib/http/netrc.ts";

Deno.test("findInNetrc() finds the login of a host, else the default", () => {
  const text = `# a comment with machine b in it
machine a login anna password secret
machine b
  login bert
  account x
  password hidden
macdef init
machine c login no password no

default login guest password guest
`;
  assertEquals(findInNetrc(text, "a"), { user: "anna", password: "secret" });
  assertEquals(findInNetrc(text, "b"), { user: "bert", password: "hidden" });
  assertEquals(findInNetrc(text, "c"), { user: "guest", password: "guest" });
  assertEquals(findInNetrc("machine a login anna", "a"), undefined);
  assertEquals(findInNetrc("machine a password only", "a"), { user: "", password: "only" });
  assertEquals(findInNetrc("", "a"), undefined);
});

Deno.test("findInNetrc() reads quoted words as curl does", () => {
  const password = (word: string) =>
    findInNetrc(`machine a.example login me password ${word}\nmachine b.example`, "a.example")
      ?.password;
  assertEquals(password('"open sesame"'), "open sesame");
  assertEquals(password('"a \\"b\\" \\\\ c\\td"'), 'a "b" \\ c\td');
  assertEquals(password('"#1"'), "#1");
  assertEquals(password("a#1"), "a#1");
  assertEquals(password('"never ends'), '"never');
});
