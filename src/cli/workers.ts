/**
 * The first import of the command: the first worker boots while the main thread still evaluates the rest of the bundle.
 * Not for words that end before a program runs.
 */
import { NodeWorkers } from '../host-node/workers.ts';

const first = process.argv[2];
const idle = first === '--help' || first === '-h' || first === '--version' || first === '--trace=help';

export const workers: NodeWorkers | null = idle ? null : new NodeWorkers(new URL('./guestWorker.js', import.meta.url), new URL('./translator.js', import.meta.url));
