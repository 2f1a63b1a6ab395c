/** The system that this machine is: `x86_64-linux`. */
export function thisSystem(): string {
  return `${Deno.build.arch}-${Deno.build.os}`;
}
