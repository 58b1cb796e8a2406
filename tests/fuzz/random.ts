/** A seeded generator (xoshiro128**), and the values that find bugs. */
export class Random {
  private readonly s = new Uint32Array(4);

  constructor(seed: number) {
    let x = seed | 0;
    for (let k = 0; k < 4; k++) {
      x = (x + 0x9e3779b9) | 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.s[k] = z ^ (z >>> 16);
    }
  }

  u32(): number {
    const s = this.s;
    const a = Math.imul(s[1]!, 5);
    const result = Math.imul((a << 7) | (a >>> 25), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }

  /** 0 <= result < n */
  below(n: number): number {
    return Math.floor((this.u32() / 0x100000000) * n);
  }
  chance(probability: number): boolean {
    return this.u32() < probability * 0x100000000;
  }
  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** An integer with the edges of every operand size likely. */
  integer(): bigint {
    switch (this.below(8)) {
      case 0: return BigInt(this.below(4));
      case 1: return BigInt(this.below(256));
      case 2: return BigInt.asUintN(64, -BigInt(this.below(300)));
      case 3: {
        const size = this.pick([8n, 16n, 32n, 64n]);
        const edge = this.pick([1n << (size - 1n), (1n << (size - 1n)) - 1n, (1n << size) - 1n, 1n << (size - 1n), 0n]);
        return BigInt.asUintN(64, edge + BigInt(this.below(3) - 1));
      }
      case 4: return 1n << BigInt(this.below(64));
      case 5: return BigInt(this.u32());
      default: return this.u64();
    }
  }

  /** Bits of a single, with the special values likely. */
  f32(): number {
    switch (this.below(10)) {
      case 0: return this.pick(edges32);
      case 1: return (this.pick(edges32) ^ 0x80000000) >>> 0;
      case 2: return this.u32();
      case 3: return (this.below(0x800000) | (this.below(2) << 31)) >>> 0;
      case 4: return f32Bits(this.below(2000) - 1000);
      case 5: return f32Bits((this.below(2000) - 1000) / 4);
      case 6: return f32Bits((this.u32() | 0) * (this.chance(0.5) ? 1 : 2 ** -16));
      default: {
        // Exponents near 1 so that operations on two of them mean something.
        return ((this.below(2) << 31) | ((100 + this.below(54)) << 23) | this.below(0x800000)) >>> 0;
      }
    }
  }

  f64(): bigint {
    switch (this.below(10)) {
      case 0: return this.pick(edges64);
      case 1: return this.pick(edges64) ^ (1n << 63n);
      case 2: return this.u64();
      case 3: return BigInt.asUintN(52, this.u64()) | (BigInt(this.below(2)) << 63n);
      case 4: return f64Bits(this.below(2000) - 1000);
      case 5: return f64Bits((this.below(2000) - 1000) / 4);
      case 6: return f64Bits((this.u32() | 0) * 2 ** (this.below(60) - 20));
      default: return (BigInt(this.below(2)) << 63n) | (BigInt(960 + this.below(126)) << 52n) | BigInt.asUintN(52, this.u64());
    }
  }

  /** An 80-bit extended value: [significand, sign and exponent]. */
  f80(): [bigint, number] {
    const sign = this.below(2) << 15;
    switch (this.below(12)) {
      case 0: return [0n, sign];
      case 1: return [1n << 63n, sign | 0x7fff];
      case 2: return [(1n << 63n) | (3n << 61n) | (this.u64() >> 4n), sign | 0x7fff];
      case 3: return [(1n << 63n) | (this.u64() >> 2n) | 1n, sign | 0x7fff];
      case 4: return [this.u64() >> BigInt(1 + this.below(62)), sign];
      case 5: return this.chance(0.3) ? [this.u64(), this.u32() & 0xffff] : [1n << 63n, sign | 0x3fff];
      case 6: case 7: return integerF80(this.below(4000) - 2000, this.below(4));
      case 8: return [this.u64() | (1n << 63n), sign | (0x3fff - 64 + this.below(128))];
      case 9: return [this.pick([(1n << 64n) - 1n, 1n << 63n, (1n << 63n) | 1n, 0xc000000000000000n]), sign | this.pick([1, 0x7ffe, 0x3ffe, 0x3fff, 0x4000, 0x403e, 0x401e])];
      case 10: return [this.u64() | (1n << 63n), sign | this.below(0x7fff)];
      default: return [this.u64() | (1n << 63n), sign | (0x3fff - 8 + this.below(16))];
    }
  }
}

const scratch = new DataView(new ArrayBuffer(8));

export function f32Bits(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

export function f64Bits(value: number): bigint {
  scratch.setFloat64(0, value);
  return scratch.getBigUint64(0);
}

/** value / 2^shift as an extended. */
function integerF80(value: number, shift: number): [bigint, number] {
  if (value === 0) return [0n, 0];
  const magnitude = BigInt(Math.abs(value));
  const length = magnitude.toString(2).length;
  return [magnitude << BigInt(64 - length), (value < 0 ? 0x8000 : 0) | (0x3fff + length - 1 - shift)];
}

const edges32 = [
  0, 1, 0x7fffff, 0x800000, 0x800001, 0x7f7fffff, 0x7f800000, 0x7fc00000, 0x7fc12345, 0x7f800001, 0x7fabcdef, 0x3f800000, 0x3f7fffff, 0x3f800001, 0x40000000,
  0x3f000000, 0x3fc00000, 0x40200000, 0x4b000000, 0x4b800001, 0x4effffff, 0x4f000000, 0x4f7fffff, 0x4f800000, 0x5effffff, 0x5f000000, 0x5f800000, 0x3effffff,
];
const edges64 = [
  0n, 1n, 0xfffffffffffffn, 0x10000000000000n, 0x10000000000001n, 0x7fefffffffffffffn, 0x7ff0000000000000n, 0x7ff8000000000000n, 0x7ff8000012345678n,
  0x7ff0000000000001n, 0x7ff4567812345678n, 0x3ff0000000000000n, 0x3fefffffffffffffn, 0x3ff0000000000001n, 0x3fe0000000000000n, 0x3ff8000000000000n,
  0x4004000000000000n, 0x41dfffffffc00000n, 0x41e0000000000000n, 0x41dfffffffe00000n, 0x43e0000000000000n, 0x43dfffffffffffffn, 0x4330000000000000n,
  0x36a0000000000000n, 0x3810000000000000n, 0x380fffffffffffffn, 0x47efffffe0000000n, 0x47effffff0000000n, 0x47f0000000000000n, 0x3690000000000000n, 0xbff0000000000000n,
];
