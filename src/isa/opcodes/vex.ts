import type { RowText } from '../row.ts';

/** VEX encodings: the general-register instructions of BMI1 and BMI2. AVX rows come here. */
export const vexRows = [
  ['VEX.LZ.0F38 F2 /r', 'andn', 'Gy,By,Ey', 'w:OSZC u:AP cpuid=bmi1'],
  ['VEX.LZ.0F38 F3 /1', 'blsr', 'By,Ey', 'w:OSZC u:AP cpuid=bmi1'],
  ['VEX.LZ.0F38 F3 /2', 'blsmsk', 'By,Ey', 'w:OSZC u:AP cpuid=bmi1'],
  ['VEX.LZ.0F38 F3 /3', 'blsi', 'By,Ey', 'w:OSZC u:AP cpuid=bmi1'],
  ['VEX.LZ.0F38 F7 /r', 'bextr', 'Gy,Ey,By', 'w:OZC u:ASP cpuid=bmi1'],
  ['VEX.LZ.0F38 F5 /r', 'bzhi', 'Gy,Ey,By', 'w:OSZC u:AP cpuid=bmi2'],
  ['VEX.LZ.F2.0F38 F6 /r', 'mulx', 'Gy,By,Ey', 'cpuid=bmi2'],
  ['VEX.LZ.F2.0F38 F5 /r', 'pdep', 'Gy,By,Ey', 'cpuid=bmi2'],
  ['VEX.LZ.F3.0F38 F5 /r', 'pext', 'Gy,By,Ey', 'cpuid=bmi2'],
  ['VEX.LZ.F2.0F3A F0 /r', 'rorx', 'Gy,Ey,Ib', 'cpuid=bmi2'],
  ['VEX.LZ.F3.0F38 F7 /r', 'sarx', 'Gy,Ey,By', 'cpuid=bmi2'],
  ['VEX.LZ.66.0F38 F7 /r', 'shlx', 'Gy,Ey,By', 'cpuid=bmi2'],
  ['VEX.LZ.F2.0F38 F7 /r', 'shrx', 'Gy,Ey,By', 'cpuid=bmi2'],
] as const satisfies readonly RowText[];
