/** The kinds of values that arguments take. */
export type ArgKind =
  | "string"
  | "number"
  | "boolean"
  | "enum"
  | "duration"
  | "bytes"
  | "path"
  | "list";

/** Whether an argument must be given, has a default, or may be left out. */
export type ArgPresence = "required" | "default" | "optional";

/** What every argument may say of itself. */
export interface ArgOptions {
  /** What it is for, in one line. */
  description: string;
  /** Whether it is given without a flag, by its place in the order of declaration. @default {false} */
  positional?: boolean | undefined;
  /** The environment variable that is read when it is not given. */
  env?: string | undefined;
  /** A value for the example at the end of the help. */
  example?: string | undefined;
  /** What stands for the value in the help and in messages: `N`, `PATH`. @default {by its kind} */
  placeholder?: string | undefined;
  /** The heading under which the help lists its flag. @default {"Flags"} */
  group?: string | undefined;
  /** The default that the help shows, where the task itself chooses what an absent value means. */
  defaultText?: string | undefined;
}

/** Options of `arg.string`. */
export interface StringArgOptions extends ArgOptions {
  /** What the whole text must match. */
  pattern?: RegExp | undefined;
}

/** Options of `arg.number`. */
export interface NumberArgOptions extends ArgOptions {
  /** Whether it must be whole. @default {false} */
  integer?: boolean | undefined;
  /** The smallest value. */
  min?: number | undefined;
  /** The largest value. */
  max?: number | undefined;
}

/** Options of `arg.duration`: milliseconds, typed as `30s`, `5m`, `1h30m`. */
export interface DurationArgOptions extends ArgOptions {
  /** The shortest, in milliseconds. @default {0} */
  min?: number | undefined;
  /** The longest, in milliseconds. */
  max?: number | undefined;
}

/** Options of `arg.bytes`: bytes, typed as `512`, `64KiB`, `2G`. */
export interface BytesArgOptions extends ArgOptions {
  /** The fewest bytes. @default {0} */
  min?: number | undefined;
  /** The most bytes. */
  max?: number | undefined;
}

/** Options of `arg.path`: an absolute path; a relative one is read from where the command was typed. */
export interface PathArgOptions extends ArgOptions {
  /** What must be there. @default {nothing} */
  exists?: "file" | "folder" | "any" | undefined;
  /** Whether it names a file, be it there or not: one that ends in a separator, as the path of a folder, is refused. @default {false} */
  isFile?: boolean | undefined;
}

/** Options of `arg.list`. */
export interface ListArgOptions extends Omit<ArgOptions, "description"> {
  /** What it is for, one line. @default {what its items say} */
  description?: string | undefined;
  /** The fewest items. @default {0, or 1 if it is required} */
  min?: number | undefined;
  /** The most items. */
  max?: number | undefined;
}

/** Options that say that the argument must be given. */
export type RequiredArg<O> = O & {
  /** It must be given. */
  required: true;
  /** It has no default. */
  default?: undefined;
};

/** Options that give a default. */
export type DefaultArg<O, T> = O & {
  /** What it is when it is not given. */
  default: T;
  /** It may be left out. */
  required?: false;
};

/** Options of an argument that may be left out and is then not there. */
export type OptionalArg<O> = O & {
  /** It may be left out. */
  required?: false;
  /** It has no default. */
  default?: undefined;
};
