import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Translation, TranslationRequest, Translator } from '../engine/translate/translation.ts';
import type { KeptTranslations } from './keptTranslations.ts';

/**
 * The translating worker waits for so many requests, or for so long since the first: a program that ends before does without it,
 * whose start alone costs as much as a short program. It waits longer where many of a program's translations are kept. (Looks for
 * answers tell no time: a loop of long straight code has few jumps, and so few looks.)
 */
const FEW = { known: 160, unknown: 4 } as const;
const WAIT_MS = { known: 500, unknown: 20 } as const;

/** A guest worker's end of its channel to the translating worker. Works while the guest keeps the worker's event loop from running. */
export class NodeTranslator implements Translator {
  /** What earlier runs have made; null: not used. */
  kept: KeptTranslations | null = null;
  private readonly port: MessagePort;
  private wanted: (() => void) | null;
  private readonly found: Translation[] = [];
  private hits = 0;
  private misses = 0;
  /** When the first request was made that nothing was kept for. */
  private firstMiss = 0;

  /** `wanted` is called when the translating worker is to run. */
  constructor(port: MessagePort, wanted: () => void) {
    this.port = port;
    this.wanted = wanted;
    port.unref();
  }

  knows = (request: TranslationRequest): boolean => this.kept?.has(request) ?? false;

  request(request: TranslationRequest): void {
    const found = this.kept?.find(request) ?? null;
    if (found !== null) {
      this.hits++;
      this.found.push(found);
      return;
    }
    this.port.postMessage(request);
    if (this.wanted === null) return;
    if (this.misses++ === 0) this.firstMiss = performance.now();
    this.wake();
  }

  /** The translating worker begins, whatever it would have waited for. */
  hurry = (): void => {
    this.wanted?.();
    this.wanted = null;
  };

  /** Lets the translating worker begin when it is time. */
  private wake(): void {
    const program = this.hits * 2 > this.misses ? 'known' : 'unknown';
    if (this.misses === 0 || (this.misses < FEW[program] && performance.now() - this.firstMiss < WAIT_MS[program])) return;
    this.hurry();
  }

  take(): Translation | null {
    const found = this.found.shift();
    if (found !== undefined) return found;
    if (this.wanted !== null) this.wake();
    return (receiveMessageOnPort(this.port)?.message as Translation | undefined) ?? null;
  }
}
