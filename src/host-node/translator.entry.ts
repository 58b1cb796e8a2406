/** The file the translating worker runs: answers requests of all guest workers, each on its own port. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { TranslationService } from '../engine/translate/service.ts';
import type { TranslationRequest } from '../engine/translate/translation.ts';

const service = new TranslationService();

parentPort!.on('message', (port: MessagePort) => {
  port.on('message', (request: TranslationRequest) => {
    port.postMessage(service.serve(request));
  });
});
