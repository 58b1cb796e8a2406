/** The file a worker of node:worker_threads runs. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { GuestHost, type GuestMessage } from '../boot/guestWorker.ts';
import { NodeClock } from './clock.ts';
import { NodeTranslator } from './nodeTranslator.ts';

const host = new GuestHost((offsetNs) => new NodeClock(offsetNs));

/** Comes before `init`. */
export type TranslatorMessage = { readonly type: 'translator'; readonly port: MessagePort };

parentPort!.on('message', (message: GuestMessage | TranslatorMessage) => {
  if (message.type === 'translator') host.translator = new NodeTranslator(message.port);
  else host.receive(message);
});
