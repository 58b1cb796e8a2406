/** The command's first file: the first worker boots while this thread loads everything else. */
import { loadBundle } from '../host-node/bundle.ts';
import { NodeWorkers } from '../host-node/workers.ts';
import type { main } from './main.ts';

const first = process.argv[2];
/** These end before a program runs. */
const idle = first === '--help' || first === '-h' || first === '--version' || first === '--trace=help';

const workers = idle ? null : new NodeWorkers(new URL('./guestWorker.js', import.meta.url), new URL('./translator.js', import.meta.url));
const bundle = loadBundle<{ main: typeof main }>('main');
if (bundle.keep !== null) process.on('exit', bundle.keep);
bundle.exports.main(workers);
