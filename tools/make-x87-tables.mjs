// Writes src/helpers/assembly/x87tables.ts: constants of the transcendental functions as 128-bit binary fractions,
// computed here with integers of 320 bits.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BITS = 320n;
const ONE = 1n << BITS;

/** atan(n/d) by its series, for n/d <= 1/2; atan(1) is Machin's. */
function atan(n, d) {
  if (n === d) return 4n * atan(1n, 5n) - atan(1n, 239n);
  if (2n * n > d) return atan(1n, 2n) + atan(2n * n - d, 2n * d + n);
  let power = (ONE * n) / d;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += k % 4n === 1n ? power / k : -(power / k);
    power = (power * n * n) / (d * d);
  }
  return sum;
}
/** ln(n/d) by 2 atanh((n-d)/(n+d)). */
function ln(n, d) {
  const a = n - d;
  const b = n + d;
  let power = (ONE * a) / b;
  let sum = 0n;
  for (let k = 1n; power !== 0n; k += 2n) {
    sum += power / k;
    power = (power * a * a) / (b * b);
  }
  return 2n * sum;
}
/** exp(x) for a fixed-point x below 1. */
function exp(x) {
  let term = ONE;
  let sum = 0n;
  for (let k = 1n; term !== 0n; k++) {
    sum += term;
    term = (term * x) / ONE / k;
  }
  return sum;
}
const LN2 = ln(2n, 1n);

/** The top 128 bits of x / 2^scale as [high, low], rounded; x / 2^scale < 1. */
function fraction(x, scale = 0n) {
  const shift = BITS + scale - 128n;
  const v = (x + (1n << (shift - 1n))) >> shift;
  if (v >> 128n !== 0n) throw new Error('not a fraction');
  const hex = (n) => `0x${n.toString(16).padStart(16, '0')}`;
  return `${hex(v >> 64n)}, ${hex(v & 0xffffffffffffffffn)}`;
}
function factorial(n) {
  return n < 2n ? 1n : n * factorial(n - 1n);
}
const range = (from, to, f) => Array.from({ length: to - from + 1 }, (_, i) => f(BigInt(from + i)));
function table(comment, name, rows) {
  return `/** ${comment} */\nexport const ${name}: usize = memory.data<u64>([\n${rows.map((r) => `  ${r},`).join('\n')}\n]);\n`;
}

const text = `// Made by tools/make-x87-tables.mjs. 128-bit fractions (value / 2^128) as high and low word.

${table('1/(2n+1)!, n = 1..14.', 'SINE', range(1, 14, (n) => fraction(ONE / factorial(2n * n + 1n))))}
${table('1/(2n)!, n = 1..14.', 'COSINE', range(1, 14, (n) => fraction(ONE / factorial(2n * n))))}
${table('1/(n+1)!, n = 1..15.', 'EXPONENTIAL', range(1, 15, (n) => fraction(ONE / factorial(n + 1n))))}
${table('1/(2n+1), n = 1..10.', 'ODD_RECIPROCALS', range(1, 10, (n) => fraction(ONE / (2n * n + 1n))))}
${table('atan(n/32), n = 0..32.', 'ARCTANGENTS', range(0, 32, (n) => fraction(n === 0n ? 0n : atan(n, 32n))))}
${table('|log2(n/64)|, n = 45..91.', 'LOGARITHMS', range(45, 91, (n) => {
  const v = (ln(n, 64n) * ONE) / LN2;
  return fraction(v < 0n ? -v : v);
}))}
${table('2^(n/32) / 2, n = 0..31.', 'POWERS', range(0, 31, (n) => fraction(exp((LN2 * n) / 32n), 1n)))}
${table('ln 2; 1/ln 2 / 2; pi / 4.', 'CONSTANTS', [fraction(LN2), fraction((ONE * ONE) / LN2, 1n), fraction(atan(1n, 1n))])}`;
writeFileSync(join(dirname(fileURLToPath(import.meta.url)), '../src/helpers/assembly/x87tables.ts'), `${text.trimEnd()}\n`);
