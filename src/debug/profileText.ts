/** What --profile prints. */
import type { Arch } from '../kernel/arch/arch.ts';
import type { Inode } from '../vfs/inode.ts';
import { ElfSymbols } from './elfSymbols.ts';

/** Guest time seen at one place, by what ran there. */
export interface Place {
  translatedNs: number;
  interpretedNs: number;
}

interface Sum {
  count: number;
  ns: number;
  longestNs: number;
}
export const newSum = (): Sum => ({ count: 0, ns: 0, longestNs: 0 });

/** How long something lasted, each time: how many of each length (in steps of a tenth), and the longest. */
interface Holds {
  readonly steps: number[];
  longestNs: number;
}
export const newHolds = (): Holds => ({ steps: [], longestNs: 0 });
const STEP_RATIO = Math.log(1.1);

export function addHold(holds: Holds, ns: number): void {
  const step = Math.max(0, Math.ceil(Math.log(ns) / STEP_RATIO));
  holds.steps[step] = (holds.steps[step] ?? 0) + 1;
  holds.longestNs = Math.max(holds.longestNs, ns);
}

/** No more than this in `share` of all times. */
function holdOf({ steps, longestNs }: Holds, share: number): number {
  const total = steps.reduce((sum, n) => sum + (n ?? 0), 0);
  let below = 0;
  for (const [step, n] of steps.entries()) if ((below += n ?? 0) >= share * total) return Math.min(longestNs, 1.1 ** step);
  return 0;
}

export interface Profiled {
  totalNs: number;
  /** Time of all guest threads together. */
  threads: { translated: number; interpreted: number; dispatcher: number; waiting: number };
  /** By name. */
  calls: Map<string, Sum>;
  faults: Sum;
  /** How long the kernel's thread did not look for calls: for what it did itself, and for the host's events. */
  holds: { readonly kernel: Holds; readonly host: Holds };
  /** Mapped files, and places by byte of the file. */
  files: Map<Inode, { path: string; places: Map<number, Place> }>;
  /** What is no file, by name. */
  elsewhere: Map<string, Place>;
}

export interface TranslatorFigures {
  regions: number;
  instructions: number;
  ms: number;
}

/** Code without a symbol is told apart in steps of so many bytes. */
const STEP = 256;
const MOST_FUNCTIONS = 30, MOST_CALLS = 12;

const ms = (ns: number): string => (ns / 1e6).toFixed(1).padStart(9);
const share = (part: number, whole: number): string => `${((100 * part) / (whole || 1)).toFixed(1).padStart(5)} %`;

/** `archs`: whose ELF files have symbols. */
export function profileText(profiled: Profiled, translator: TranslatorFigures, archs: readonly Arch[]): string {
  const { threads, totalNs } = profiled, whole = threads.translated + threads.interpreted + threads.dispatcher + threads.waiting;
  const line = (ns: number, what: string): string => `${ms(ns)}  ${share(ns, whole)}  ${what}`;
  return [
    `tuxlate: profile of ${(totalNs / 1e6).toFixed(0)} ms, looked at every millisecond`,
    '',
    '       ms   share  guest threads were',
    line(threads.translated, 'in translated code'),
    line(threads.interpreted, 'in the interpreter'),
    line(threads.dispatcher, 'in between: decoding, installing translations, on the way to and from calls'),
    line(threads.waiting, 'waiting: for system calls and page faults, or until something happens'),
    '',
    ...functionLines(profiled, archs),
    '',
    ...callLines(profiled),
    '',
    holdLine(profiled.holds.kernel, 'what it did at a time'),
    holdLine(profiled.holds.host, 'a turn of the host\'s events'),
    '',
    `translator: ${translator.regions} regions of ${translator.instructions} instructions in ${translator.ms.toFixed(1)} ms`,
    '',
  ].join('\n');
}

function functionLines(profiled: Profiled, archs: readonly Arch[]): string[] {
  const found = new Map<string, Place>();
  const add = (name: string, place: Place): void => {
    const sum = found.get(name) ?? { translatedNs: 0, interpretedNs: 0 };
    sum.translatedNs += place.translatedNs;
    sum.interpretedNs += place.interpretedNs;
    found.set(name, sum);
  };
  for (const [inode, { path, places }] of profiled.files) {
    const symbols = new ElfSymbols((offset, length) => bytesOf(inode, offset, length), archs);
    for (const [offset, place] of places) {
      const step = offset - (offset % STEP);
      add(`${symbols.at(offset) ?? `+0x${step.toString(16)}`}  ${path}`, place);
    }
  }
  for (const [name, place] of profiled.elsewhere) add(name, place);
  const whole = profiled.threads.translated + profiled.threads.interpreted;
  const total = (p: Place): number => p.translatedNs + p.interpretedNs;
  const list = [...found].sort(([, a], [, b]) => total(b) - total(a));
  const lines = list.slice(0, MOST_FUNCTIONS).map(([name, place]) => `${ms(total(place))}  ${share(total(place), whole)}  ${share(place.translatedNs, total(place))}     ${name}`);
  if (list.length > MOST_FUNCTIONS) lines.push(`           (and ${list.length - MOST_FUNCTIONS} more)`);
  return ['       ms   share  translated  function (where no symbol tells: place in the file)', ...lines];
}

function bytesOf(inode: Inode, offset: number, length: number): Uint8Array | number {
  const bytes = new Uint8Array(length), read = inode.readAt(bytes, offset);
  return read < 0 ? read : bytes.subarray(0, read);
}

function callLines({ calls, faults }: Profiled): string[] {
  const list = [...calls].sort(([, a], [, b]) => b.ns - a.ns), sum = list.reduce((s, [, c]) => ({ count: s.count + c.count, ns: s.ns + c.ns, longestNs: Math.max(s.longestNs, c.longestNs) }), newSum());
  const line = ({ count, ns, longestNs }: Sum, what: string): string => `${ms(ns)}  ${String(count).padStart(7)}  ${(longestNs / 1e6).toFixed(2).padStart(7)}  ${what}`;
  const lines = [line(sum, 'system calls'), ...list.slice(0, MOST_CALLS).map(([name, call]) => line(call, `  ${name}`)), line(faults, 'page faults')];
  return ['       ms    count  longest  the kernel served', ...lines];
}

/** Who posts a call meanwhile waits as long. */
function holdLine(holds: Holds, what: string): string {
  const text = (ns: number): string => (ns / 1e6).toFixed(3);
  return `kept waiting by ${what}, ms: half of the times up to ${text(holdOf(holds, 0.5))}, 99 % ${text(holdOf(holds, 0.99))}, 99.9 % ${text(holdOf(holds, 0.999))}, longest ${text(holds.longestNs)}`;
}
