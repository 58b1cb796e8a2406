/** The file the translating worker runs: answers requests of all guest workers, each on its own port. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { regionText } from '../engine/translate/regionText.ts';
import { moduleBytes, serviceHooks, TranslationService } from '../engine/translate/service.ts';
import type { Translation, TranslationRequest } from '../engine/translate/translation.ts';
import { compiledCodeFrom } from './compiledCode.ts';
import { TranslationRecorder } from './translationRecorder.ts';
import { Shared } from './translatorShared.ts';
import { writeWhole } from './writeWhole.ts';

/** What is written about each region, and to which of the process's files. */
export interface RegionTrace {
  readonly fd: number;
  readonly wasm: boolean;
}

/** What the main thread posts: what is to be traced; that regions say when they run; the other end of a guest worker's channel; at the end, that the answers be written. */
export type TranslatorMessage =
  | { readonly type: 'port'; readonly port: MessagePort }
  | ({ readonly type: 'trace' } & RegionTrace)
  | { readonly type: 'profile' }
  | { readonly type: 'keep'; readonly prefix: string; readonly compiled: Uint8Array | null };

/** What has become hot and is not translated is translated for the next run, for so long; and no longer than this part of the run. */
const LATE_MS = 100, LATE_PART = 0.2;

const service = new TranslationService(), recorder = new TranslationRecorder();
let trace: RegionTrace | null = null;
/** Shared with the main thread. */
const shared = new Int32Array(workerData as SharedArrayBuffer);
serviceHooks.made = (_, made, region) => {
  shared[Shared.regions]!++;
  for (const block of region.blocks) shared[Shared.instructions]! += block.instructions.length;
  recorder.made(made, region.blocks.flatMap((block) => (block.inside === null ? [block.start] : [])));
  if (trace !== null) writeWhole(trace.fd, regionText(region, moduleBytes.get(made.module!)!, trace.wasm));
};
const ports: MessagePort[] = [], late: TranslationRequest[] = [];

function serve(request: TranslationRequest): Translation {
  const began = performance.now(), answer = service.serve(request);
  shared[Shared.microseconds]! += Math.round(1000 * (performance.now() - began));
  recorder.note(answer);
  return answer;
}

function serveLate(): void {
  const until = performance.now() + Math.min(LATE_MS, performance.now() * LATE_PART);
  for (const port of ports) for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) late.push(next.message as TranslationRequest);
  for (const request of late) {
    if (performance.now() > until) return;
    serve(request);
  }
}

parentPort!.on('message', (message: TranslatorMessage) => {
  if (message.type === 'keep') {
    serveLate();
    recorder.write(message.prefix, compiledCodeFrom(message.compiled));
    parentPort!.postMessage('kept');
    return;
  }
  if (message.type === 'profile') {
    service.profiled = true;
    return;
  }
  if (message.type === 'trace') {
    trace = message;
    return;
  }
  const { port } = message;
  ports.push(port);
  port.on('message', (request: TranslationRequest) => {
    if (Atomics.load(shared, Shared.ended) !== 0) late.push(request);
    else port.postMessage(serve(request));
  });
});
