/**
 * Arrays of 16-bit numbers as text: the length, then pairs of a run length less one and a value. A number is written in digits of five
 * bits, the most significant first, all but its last with bit 5 set; the digits are the letters below.
 */
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

export function pack(values: ArrayLike<number>): string {
  let out = '';
  const number = (n: number): void => {
    let shift = 0;
    while (n >>> shift >= 32) shift += 5;
    for (; shift > 0; shift -= 5) out += DIGITS[32 | ((n >>> shift) & 31)]!;
    out += DIGITS[n & 31]!;
  };
  number(values.length);
  for (let k = 0; k < values.length;) {
    let run = 1;
    while (k + run < values.length && values[k + run] === values[k]) run++;
    number(run - 1);
    number(values[k]!);
    k += run;
  }
  return out;
}

const valueOfDigit = new Uint8Array(128);
for (let k = 0; k < 64; k++) valueOfDigit[DIGITS.charCodeAt(k)] = k;

/** Reads the numbers of `text` one after the other. */
function reader(text: string): () => number {
  let at = 0;
  return () => {
    let n = 0;
    for (;;) {
      const digit = valueOfDigit[text.charCodeAt(at++)]!;
      n = (n << 5) | (digit & 31);
      if (digit < 32) return n;
    }
  };
}

/** How many values unpack() finds. */
export function packedLength(text: string): number {
  return reader(text)();
}

export function unpack(text: string): Uint16Array {
  const number = reader(text);
  const out = new Uint16Array(number());
  for (let k = 0; k < out.length;) {
    const end = k + number() + 1;
    const value = number();
    if (value !== 0) out.fill(value, k, end);
    k = end;
  }
  return out;
}
