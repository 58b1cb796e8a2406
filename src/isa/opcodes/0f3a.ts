import type { RowText } from '../row.ts';

/** The 0F 3A map (Intel SDM vol. 2, table A-5). */
export const threeByte3ARows = [
  ['66 0F 3A 08 /r', 'roundps', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 09 /r', 'roundpd', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 0A /r', 'roundss', 'Vss,Wss,Ib', 'cpuid=sse41'],
  ['66 0F 3A 0B /r', 'roundsd', 'Vsd,Wsd,Ib', 'cpuid=sse41'],
  ['66 0F 3A 0C /r', 'blendps', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 0D /r', 'blendpd', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 0E /r', 'pblendw', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['NP 0F 3A 0F /r', 'palignr', 'Pq,Qq,Ib', 'cpuid=ssse3'],
  ['66 0F 3A 0F /r', 'palignr', 'Vx,Wx,Ib', 'cpuid=ssse3'],
  ['66 0F 3A 14 /r', 'pextrb', 'Rd/Mb,Vx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 15 /r', 'pextrw', 'Rd/Mw,Vx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 16 /r', 'pextrd', 'Ey,Vx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 17 /r', 'extractps', 'Ed,Vx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 20 /r', 'pinsrb', 'Vx,Rd/Mb,Ib', 'cpuid=sse41'],
  ['66 0F 3A 21 /r', 'insertps', 'Vx,Wd,Ib', 'cpuid=sse41'],
  ['66 0F 3A 22 /r', 'pinsrd', 'Vx,Ey,Ib', 'cpuid=sse41'],
  ['66 0F 3A 40 /r', 'dpps', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 41 /r', 'dppd', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 42 /r', 'mpsadbw', 'Vx,Wx,Ib', 'cpuid=sse41'],
  ['66 0F 3A 60 /r', 'pcmpestrm', 'Vx,Wx,Ib', 'w:OSZAPC cpuid=sse42'],
  ['66 0F 3A 61 /r', 'pcmpestri', 'Vx,Wx,Ib', 'w:OSZAPC cpuid=sse42'],
  ['66 0F 3A 62 /r', 'pcmpistrm', 'Vx,Wx,Ib', 'w:OSZAPC cpuid=sse42'],
  ['66 0F 3A 63 /r', 'pcmpistri', 'Vx,Wx,Ib', 'w:OSZAPC cpuid=sse42'],
] as const satisfies readonly RowText[];
