/** What begins each line of a script's output that is meant for kedge; a login shell may print others, even half a one. */
const mark = "kedge:";

/** A line of a POSIX shell script that answers: `answer name "$value"`. */
export const answerFunction = `answer() { printf '\\n${mark}%s=%s\\n' "$1" "$2"; }`;

/** The answers in a script's output. */
export function readAnswers(stdout: string): Record<string, string> {
  const answers: Record<string, string> = {};
  for (const line of stdout.split("\n")) {
    const match = /^kedge:([a-zA-Z]+)=(.*)$/.exec(line.replace(/\r$/, ""));
    if (match !== null) answers[match[1]!] = match[2]!.trim();
  }
  return answers;
}
