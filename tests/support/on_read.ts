/** Calls a function whenever something was read of a file that is opened from now on, until it is disposed of. */
export function onRead(then: () => void): Disposable {
  const { open } = Deno;
  Deno.open = async (...args) => {
    const file = await open(...args);
    const read = file.read.bind(file);
    file.read = async (bytes) => {
      const count = await read(bytes);
      then();
      return count;
    };
    return file;
  };
  return {
    [Symbol.dispose]() {
      Deno.open = open;
    },
  };
}
