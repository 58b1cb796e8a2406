/** The file a worker of node:worker_threads runs. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { GuestHost, type GuestMessage } from '../boot/guestWorker.ts';
import { NodeClock } from './clock.ts';
import { compiledCodeFrom } from './compiledCode.ts';
import type { KeptFile } from './keptRegionFile.ts';
import { KeptTranslations } from './keptTranslations.ts';
import { NodeTranslator } from './nodeTranslator.ts';

const host = new GuestHost((offsetNs) => new NodeClock(offsetNs));

/** Both come before `init`. */
export type WorkerMessage =
  | { readonly type: 'translator'; readonly port: MessagePort }
  | { readonly type: 'kept'; readonly files: readonly KeptFile[]; readonly compiled: Uint8Array | null }
  | { readonly type: 'end' };

let translator: NodeTranslator | null = null;

parentPort!.on('message', (message: GuestMessage | WorkerMessage) => {
  if (message.type === 'translator') host.translator = translator = new NodeTranslator(message.port, () => parentPort!.postMessage('translate'));
  else if (message.type === 'kept') translator!.kept = new KeptTranslations(message.files, () => compiledCodeFrom(message.compiled));
  else if (message.type === 'end') process.exit();
  else host.receive(message);
});
