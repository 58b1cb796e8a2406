/** The file a worker of node:worker_threads runs. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { GuestHost, type GuestMessage } from '../boot/guestWorker.ts';
import { NodeClock } from './clock.ts';
import { NodeTranslator } from './nodeTranslator.ts';

const host = new GuestHost((offsetNs) => new NodeClock(offsetNs));

/** `translator` comes before `init`. */
export type WorkerMessage = { readonly type: 'translator'; readonly port: MessagePort } | { readonly type: 'end' };

parentPort!.on('message', (message: GuestMessage | WorkerMessage) => {
  if (message.type === 'translator') host.translator = new NodeTranslator(message.port, () => parentPort!.postMessage('translate'));
  else if (message.type === 'end') process.exit();
  else host.receive(message);
});
