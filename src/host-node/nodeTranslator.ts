import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Translation, TranslationRequest, Translator } from '../engine/translate/service.ts';

/** A guest worker's end of its channel to the translating worker. Works while the guest keeps the worker's event loop from running. */
export class NodeTranslator implements Translator {
  private readonly port: MessagePort;

  constructor(port: MessagePort) {
    this.port = port;
    port.unref();
  }

  request(request: TranslationRequest): void {
    this.port.postMessage(request);
  }

  take(): Translation | null {
    return (receiveMessageOnPort(this.port)?.message as Translation | undefined) ?? null;
  }
}
