// The module's exports: every helper, by family.
export * from './sse';
