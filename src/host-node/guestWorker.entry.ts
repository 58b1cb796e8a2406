/** The file a worker of node:worker_threads runs. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { GuestHost, type GuestMessage } from '../boot/guestWorker.ts';
import { NodeClock } from './clock.ts';
import { compiledCodeFrom } from './compiledCode.ts';
import { interpreterModule } from './interpreterModule.ts';
import type { KeptFile } from './keptRegionFile.ts';
import { KeptTranslations } from './keptTranslations.ts';
import { NodeTranslator } from './nodeTranslator.ts';


/** Both come before `init`. */
export type WorkerMessage =
  | { readonly type: 'translator'; readonly port: MessagePort }
  | { readonly type: 'kept'; readonly files: readonly KeptFile[]; readonly tall: string; readonly compiled: Uint8Array | null }
  | { readonly type: 'end' };

/** What a guest worker says: it can run guests; it has asked for its first translation; it runs a tall address space. */
export type WorkerNews = 'ready' | 'translate' | 'tall';

function say(news: WorkerNews): void {
  parentPort!.postMessage(news);
}

const host = new GuestHost((offsetNs) => new NodeClock(offsetNs), () => tallInterpreter());
let translator: NodeTranslator | null = null;
let kept: Extract<WorkerMessage, { type: 'kept' }> | null = null;

function tallInterpreter(): WebAssembly.Module {
  say('tall');
  return interpreterModule('tallInterpreter', kept?.tall ?? null, () => compiledCodeFrom(kept!.compiled)).module;
}

parentPort!.on('message', (message: GuestMessage | WorkerMessage) => {
  if (message.type === 'translator') host.translator = translator = new NodeTranslator(message.port, () => say('translate'));
  else if (message.type === 'kept') {
    kept = message;
    translator!.kept = new KeptTranslations(message.files, () => compiledCodeFrom(message.compiled));
  }
  else if (message.type === 'end') process.exit();
  else {
    host.receive(message);
    if (message.type === 'init') say('ready');
  }
});
