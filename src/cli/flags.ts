/**
 * Command-line flags as pflag (docker, podman) reads them, from a table: `--name value`, `--name=value`, `-n value`, `-nvalue`,
 * `-n=value`, `-abc` for several short switches, `--switch=false`, `--` ends the flags, and so does the first word that is not one.
 */
export type FlagValue = string | boolean | string[];

export interface FlagRow {
  readonly name: string;
  readonly short?: string;
  /** Other long names. */
  readonly aliases?: readonly string[];
  /** switch: true or false. value: the last one counts. list: all count, in order. */
  readonly kind: 'switch' | 'value' | 'list';
  /** Name of the value in the help text. */
  readonly metavar?: string;
  readonly help: string;
  /** What a `value` flag without a value stands for (only `--name`, never taking the next word). */
  readonly bare?: string;
  /** Left out of the help text: another tool's name for something. */
  readonly hidden?: boolean;
}

export type Parsed = { flags: Map<string, FlagValue>; rest: string[] };
/** What is wrong, in one line. */
export type ParseError = { error: string };

type Lookup = { long: Map<string, FlagRow>; short: Map<string, FlagRow> };

function lookup(rows: readonly FlagRow[]): Lookup {
  const long = new Map<string, FlagRow>();
  const short = new Map<string, FlagRow>();
  for (const row of rows) {
    for (const name of [row.name, ...(row.aliases ?? [])]) long.set(name, row);
    if (row.short !== undefined) short.set(row.short, row);
  }
  return { long, short };
}

const truth: Record<string, boolean> = { true: true, '1': true, t: true, false: false, '0': false, f: false };

/** Stores a flag's value; a text that is not its kind's is an error. */
function store(flags: Map<string, FlagValue>, row: FlagRow, value: string | null, shown: string): string | null {
  if (row.kind === 'switch') {
    const on = value === null ? true : truth[value.toLowerCase()];
    if (on === undefined) return `invalid argument "${value}" for "${shown}": true or false expected`;
    flags.set(row.name, on);
  } else if (row.kind === 'list') {
    const list = (flags.get(row.name) as string[] | undefined) ?? [];
    list.push(value ?? '');
    flags.set(row.name, list);
  } else {
    flags.set(row.name, value ?? '');
  }
  return null;
}

class Reader {
  readonly words: readonly string[];
  at = 0;
  constructor(words: readonly string[]) {
    this.words = words;
  }
  next(): string | null {
    return this.at < this.words.length ? this.words[this.at++]! : null;
  }
}

function longFlag(word: string, reader: Reader, table: Lookup, flags: Map<string, FlagValue>): string | null {
  const equals = word.indexOf('=');
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const row = table.long.get(name);
  if (row === undefined) return `unknown flag: --${name}`;
  let value = equals < 0 ? null : word.slice(equals + 1);
  if (value === null && row.kind !== 'switch') {
    value = row.bare ?? reader.next();
    if (value === null) return `flag needs an argument: --${name}`;
  }
  return store(flags, row, value, `--${name}`);
}

function shortFlags(word: string, reader: Reader, table: Lookup, flags: Map<string, FlagValue>): string | null {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const row = table.short.get(letter);
    if (row === undefined) return `unknown shorthand flag: '${letter}' in ${word}`;
    let value: string | null = null;
    const attached = word.slice(at + 1);
    if (attached.startsWith('=')) value = attached.slice(1);
    else if (row.kind !== 'switch') value = attached !== '' ? attached : reader.next();
    if (row.kind !== 'switch' && value === null) return `flag needs an argument: '${letter}' in ${word}`;
    const wrong = store(flags, row, value, `-${letter}`);
    if (wrong !== null) return wrong;
    if (value !== null) break;
  }
  return null;
}

/** Reads flags up to the first other word. */
export function parseFlags(rows: readonly FlagRow[], words: readonly string[]): Parsed | ParseError {
  const table = lookup(rows);
  const flags = new Map<string, FlagValue>();
  const reader = new Reader(words);
  for (let word = reader.next(); word !== null; word = reader.next()) {
    if (word === '--') break;
    if (!word.startsWith('-') || word === '-') {
      reader.at--;
      break;
    }
    const wrong = word.startsWith('--') ? longFlag(word, reader, table, flags) : shortFlags(word, reader, table, flags);
    if (wrong !== null) return { error: wrong };
  }
  return { flags, rest: words.slice(reader.at) };
}

/** The table as help text. */
export function flagHelp(rows: readonly FlagRow[]): string {
  const left = (row: FlagRow): string => {
    const short = row.short === undefined ? '    ' : `-${row.short}, `;
    const value = row.kind === 'switch' ? '' : row.bare === undefined ? ` ${row.metavar}` : `[=${row.metavar}]`;
    return `  ${short}--${row.name}${value}`;
  };
  const shown = rows.filter((row) => row.hidden !== true);
  const width = Math.max(...shown.map((row) => left(row).length)) + 2;
  return shown.map((row) => left(row).padEnd(width) + row.help.split('\n').join(`\n${' '.repeat(width)}`)).join('\n');
}
