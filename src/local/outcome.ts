/** Not answered here: the kernel is asked. Outside of every result. */
export const PASS = -0x7fffffff;
/** The call waits in the worker. */
export const WAITS = -0x7ffffffe;
