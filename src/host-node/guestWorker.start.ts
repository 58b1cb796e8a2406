/** The file a worker of node:worker_threads runs. */
import { parentPort } from 'node:worker_threads';
import { loadBundle } from './bundle.ts';
import type { GuestMessage } from '../boot/guestWorker.ts';
import type { WorkerMessage } from './guestWorker.entry.ts';

const { keep } = loadBundle('guestWorker');
/** After a program has run: its listener comes before this one. */
const afterRun = (message: GuestMessage | WorkerMessage): void => {
  if (message.type !== 'run') return;
  parentPort!.off('message', afterRun);
  keep!();
};
if (keep !== null) parentPort!.on('message', afterRun);
