import { putU16, putU32 } from '../abi/layout.ts';
import { fromLatin1 } from '../machine/guestMemory.ts';
import type { FileDescription } from '../vfs/fileDescription.ts';
import type { Kernel } from './kernel.ts';
import type { Process } from './task/process.ts';

const ACCT_BYTES = 64;
/** Whether privileges were used (ASU) is not known. */
const AFORK = 1, ACORE = 8, AXSIG = 16;

/** comp_t: 13 bits of fraction, 3 of exponent to the base 8. */
function comp(value: number): number {
  let exponent = 0, round = false;
  let v = Math.floor(value);
  while (v > 0x1fff) {
    round = (v & 4) !== 0;
    v = Math.floor(v / 8);
    exponent++;
  }
  if (round && ++v > 0x1fff) {
    v = Math.floor(v / 8);
    exponent++;
  }
  return exponent > 7 ? 0xffff : (exponent << 13) + v;
}

/** struct acct_v3 (acct(5)). */
function record(kernel: Kernel, process: Process): Uint8Array {
  const b = new Uint8Array(ACCT_BYTES);
  const { leader } = process;
  const { userNs, systemNs } = kernel.cpuClock.ofProcess(process);
  const status = process.exitStatus;
  b[0] = (process.execed ? 0 : AFORK) | ((status & 0x80) !== 0 ? ACORE : 0) | ((status & 0x7f) !== 0 ? AXSIG : 0);
  b[1] = 3;
  putU16(b, 2, process.session.tty?.dev ?? 0);
  putU32(b, 4, status);
  putU32(b, 8, leader.cred.uid);
  putU32(b, 12, leader.cred.gid);
  putU32(b, 16, process.pid);
  putU32(b, 20, process.ppid);
  putU32(b, 24, process.startSec);
  new DataView(b.buffer).setFloat32(28, (kernel.nowNs() - process.startNs) / 1e7, true);
  putU16(b, 32, comp(userNs / 1e7));
  putU16(b, 34, comp(systemNs / 1e7));
  putU16(b, 36, comp(process.ownUsage.maxRssPages * 4));
  putU16(b, 42, comp(process.ownUsage.minorFaults));
  putU16(b, 44, comp(process.ownUsage.majorFaults));
  b.set(fromLatin1(leader.comm.slice(0, 15)), 48);
  return b;
}

/** acct(2): records of ended processes go to `file` from now on; null: nowhere. */
export function openAccounting(kernel: Kernel, file: FileDescription | null): number {
  kernel.accountingFile?.release();
  kernel.accountingFile = file;
  return 0;
}

export function account(kernel: Kernel, process: Process): void {
  const file = kernel.accountingFile;
  if (file !== null) file.write(record(kernel, process), process.leader);
}
