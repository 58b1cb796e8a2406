/**
 * What `cpuid` answers: x86-64-v2 and the extras the table has (MOVBE, LZCNT, BMI1, BMI2, FSGSBASE, RDTSCP, XSAVE), nothing
 * that is not implemented. Vendor, family and caches are those of the first processor of that level (Nehalem), so that
 * programs take their ordinary paths; the brand string says what it is (Intel SDM vol. 2, CPUID).
 */
export interface CpuidLeaf {
  readonly leaf: number;
  /** -1 = any. */
  readonly subleaf: number;
  readonly eax: number;
  readonly ebx: number;
  readonly ecx: number;
  readonly edx: number;
}

const BRAND = 'tuxlate virtual processor (x86-64-v2)';
const VENDOR = 'GenuineIntel';

/** Leaf 1 edx, by bit; the lower-case names are Linux's in /proc/cpuinfo. */
const leaf1Edx: Record<string, number> = {
  fpu: 0, vme: 1, de: 2, pse: 3, tsc: 4, msr: 5, pae: 6, mce: 7, cx8: 8, apic: 9, sep: 11, mtrr: 12, pge: 13, mca: 14, cmov: 15, pat: 16,
  pse36: 17, clflush: 19, mmx: 23, fxsr: 24, sse: 25, sse2: 26,
};
/** osxsave is not listed by Linux. */
const leaf1Ecx: Record<string, number> = {
  pni: 0, ssse3: 9, cx16: 13, sse4_1: 19, sse4_2: 20, movbe: 22, popcnt: 23, xsave: 26, osxsave: 27,
};
const leaf7Ebx: Record<string, number> = { fsgsbase: 0, bmi1: 3, bmi2: 8, erms: 9 };
const extEdx: Record<string, number> = { syscall: 11, nx: 20, rdtscp: 27, lm: 29 };
const extEcx: Record<string, number> = { lahf_lm: 0, abm: 5, '3dnowprefetch': 8 };

function bits(names: Record<string, number>): number {
  let mask = 0;
  for (const bit of Object.values(names)) mask |= 1 << bit;
  return mask >>> 0;
}

/** The `flags` line of /proc/cpuinfo, in Linux's order. */
export const cpuinfoFlags: readonly string[] = [
  ...Object.keys(leaf1Edx), ...Object.keys(extEdx), 'constant_tsc', 'nonstop_tsc', 'cpuid',
  ...Object.keys(leaf1Ecx).filter((name) => name !== 'osxsave'), ...Object.keys(extEcx), ...Object.keys(leaf7Ebx),
];
/** AT_HWCAP is leaf 1 edx. */
export const HWCAP: number = bits(leaf1Edx);
export const cpuinfoIdentity = { vendor: VENDOR, family: 6, model: 26, stepping: 5, brand: BRAND } as const;

function word(text: string, at: number): number {
  let value = 0;
  for (let k = 3; k >= 0; k--) value = (value << 8) | (at + k < text.length ? text.charCodeAt(at + k) : 0);
  return value >>> 0;
}

function leaf(number: number, subleaf: number, eax: number, ebx: number, ecx: number, edx: number): CpuidLeaf {
  return { leaf: number, subleaf, eax: eax >>> 0, ebx: ebx >>> 0, ecx: ecx >>> 0, edx: edx >>> 0 };
}

function brandLeaf(number: number): CpuidLeaf {
  const at = (number - 0x80000002) * 16;
  return leaf(number, -1, word(BRAND, at), word(BRAND, at + 4), word(BRAND, at + 8), word(BRAND, at + 12));
}

/** Leaf 4: type | level << 5 | self-initialising, ways and line size, sets. */
function cache(subleaf: number, type: number, level: number, ways: number, sets: number, edx: number): CpuidLeaf {
  return leaf(4, subleaf, type | (level << 5) | (1 << 8), ((ways - 1) << 22) | 63, sets - 1, edx);
}

export const cpuidLeaves: readonly CpuidLeaf[] = [
  leaf(0, -1, 0x0d, word(VENDOR, 0), word(VENDOR, 8), word(VENDOR, 4)),
  // ebx: clflush line 64 bytes, one logical processor. The initial APIC id (ebx[31:24]) stays 0.
  leaf(1, -1, 0x106a5, 0x00010800, bits(leaf1Ecx), bits(leaf1Edx)),
  // "use leaf 4"
  leaf(2, -1, 0x00feff01, 0xf0, 0, 0),
  cache(0, 1, 1, 8, 64, 0),
  cache(1, 2, 1, 4, 128, 0),
  cache(2, 3, 2, 8, 512, 0),
  cache(3, 3, 3, 16, 8192, 2),
  leaf(7, 0, 0, bits(leaf7Ebx), 0, 0),
  // XCR0 may hold x87 and SSE: 512 + 64 bytes, standard format only.
  leaf(0x0d, 0, 3, 576, 576, 0),
  leaf(0x0d, 1, 0, 0, 0, 0),
  leaf(0x80000000, -1, 0x80000008, 0, 0, 0),
  leaf(0x80000001, -1, 0, 0, bits(extEcx), bits(extEdx)),
  brandLeaf(0x80000002),
  brandLeaf(0x80000003),
  brandLeaf(0x80000004),
  leaf(0x80000006, -1, 0, 0, 0x01006040, 0),
  // invariant TSC
  leaf(0x80000007, -1, 0, 0, 0, 0x100),
  leaf(0x80000008, -1, 0x3028, 0, 0, 0),
];

/** XCR0 as xgetbv shows it. */
export const XCR0 = 3;

/** eax, ebx, ecx, edx of a leaf into out[0..3]; a leaf that is not there is all zeros. */
export function cpuid(eax: number, ecx: number, out: Uint32Array): void {
  const found = cpuidLeaves.find((l) => l.leaf === eax >>> 0 && (l.subleaf < 0 || l.subleaf === ecx >>> 0));
  out[0] = found?.eax ?? 0;
  out[1] = found?.ebx ?? 0;
  out[2] = found?.ecx ?? 0;
  out[3] = found?.edx ?? 0;
}
