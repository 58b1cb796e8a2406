// The module's exports: every helper, by family.
export * from './sse';
export * from './x87arith';
export * from './x87move';
export * from './reciprocal';
export * from './x87compare';
export * from './x87partial';
export * from './x87env';
export * from './stringCompare';
export * from './crc';
export * from './integer';
export * from './x87trig';
export * from './x87log';
