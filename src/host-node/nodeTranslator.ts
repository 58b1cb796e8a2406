import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Translation, TranslationRequest, Translator } from '../engine/translate/translation.ts';

/** A guest worker's end of its channel to the translating worker. Works while the guest keeps the worker's event loop from running. */
export class NodeTranslator implements Translator {
  private readonly port: MessagePort;
  private wanted: (() => void) | null;

  /** `wanted` is called at the first request: the translating worker need not run before. */
  constructor(port: MessagePort, wanted: () => void) {
    this.port = port;
    this.wanted = wanted;
    port.unref();
  }

  request(request: TranslationRequest): void {
    this.wanted?.();
    this.wanted = null;
    this.port.postMessage(request);
  }

  take(): Translation | null {
    return (receiveMessageOnPort(this.port)?.message as Translation | undefined) ?? null;
  }
}
