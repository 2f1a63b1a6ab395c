/** A function written without parameters, as an arrow or as a method. */
const withoutParameters = /^(?:async\b\s*)?(?:function\b\s*)?[\w$]*\s*\(\s*\)\s*(?:=>|\{)/;

/**
 * Whether a function of a task may look at the context that it is called with. One that cannot be told by its text, such as a
 * bound or a wrapped one, may.
 */
export function takesContext(call: ((...args: never[]) => unknown) | undefined): boolean {
  if (call === undefined) return false;
  if (call.length > 0) return true;
  const text = Function.prototype.toString.call(call);
  return !withoutParameters.test(text) || /\barguments\b|\[native code\]/.test(text);
}
