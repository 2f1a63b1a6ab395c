import { assertEquals } from "@std/assert";
import { derivationOutputs } from "../../../../lib/nix/folder/derivation_outputs.ts";

const a = "37rxcdx1wksl9dl0p9mnd0dh10h4rzfl-a";

Deno.test("derivationOutputs() reads what each kind of derivation says", () => {
  const rest = ',[],[],"x86_64-linux","/bin/sh",[],[("out","\\"]")])';
  const fixed = `("out","/nix/store/${a}","sha256","00")`;
  const cases: [string, Record<string, string> | undefined][] = [
    [`Derive([${fixed}]${rest}`, { out: a }],
    [`Derive([("dev","/nix/store/${a}-dev","",""),${fixed}]${rest}`, { dev: `${a}-dev`, out: a }],
    // Its path is known once it is built.
    [`Derive([("out","","r:sha256","")]${rest}`, {}],
    [`DrvWithVersion("xp-dyn-drv",[${fixed}]${rest}`, { out: a }],
    [`Derive([${fixed.slice(0, -1)}`, undefined],
    [`Derive([${fixed}`, undefined],
    [`Derive([("out","/tmp/${a}","","")]${rest}`, undefined],
    [`Derive([]${rest}`, undefined],
    ["no derivation", undefined],
    ["", undefined],
  ];
  for (const [text, outputs] of cases) assertEquals(derivationOutputs(text), outputs, text);
});
