// fninit fldcw fnstsw fnclex, and the images of fnstenv fnsave fxsave. `at` is a linear-memory offset, already checked.

import {
  BUSY, ES, MXCSR, SSE_EXACT, X87_CONTROL, X87_FDP, X87_FIP, X87_FOP, X87_REG, X87_STATUS, X87_TAG, X87_TOP,
  XMM,
} from './layout';
import { exactFor } from './soft';
import { classOf, FINITE, isDenormal, ZERO } from './x87number';

/** Selectors in the CPU state, and its mode. */
const CS_SELECTOR: usize = 0xe4;
const DS_SELECTOR: usize = 0xec;

const ALL_EMPTY: u64 = 0x0101010101010101;

export function x87Init(cpu: usize): void {
  store<u32>(cpu, 0x37f, X87_CONTROL);
  store<u32>(cpu, 0, X87_STATUS);
  store<u32>(cpu, 0, X87_TOP);
  store<u64>(cpu, ALL_EMPTY, X87_TAG);
  store<u64>(cpu, 0, X87_FIP);
  store<u64>(cpu, 0, X87_FDP);
  store<u32>(cpu, 0, X87_FOP);
}
/** Error summary and busy follow from the flags and the masks. */
function summarize(cpu: usize, status: u32): void {
  status &= ~(ES | BUSY);
  if ((status & ~load<u32>(cpu, X87_CONTROL) & 0x3f) != 0) status |= ES | BUSY;
  store<u32>(cpu, status, X87_STATUS);
}
function setControl(cpu: usize, value: u32): void {
  store<u32>(cpu, (value & 0x1f3f) | 0x40, X87_CONTROL);
}
export function x87LoadControl(cpu: usize, value: i32): void {
  setControl(cpu, value);
  summarize(cpu, load<u32>(cpu, X87_STATUS));
}
export function x87ClearExceptions(cpu: usize): void {
  store<u32>(cpu, load<u32>(cpu, X87_STATUS) & 0x7f00, X87_STATUS);
}
/** The status word as fnstsw stores it. */
export function x87StatusWord(cpu: usize): i32 {
  return load<u32>(cpu, X87_STATUS) | (load<u32>(cpu, X87_TOP) << 11);
}
function setStatusWord(cpu: usize, value: u32): void {
  store<u32>(cpu, (value >>> 11) & 7, X87_TOP);
  summarize(cpu, value & 0xc7ff);
}
/** The tag word with two bits a register: 0 valid, 1 zero, 2 special, 3 empty. */
export function x87TagWord(cpu: usize): i32 {
  let word: u32 = 0;
  for (let p: u32 = 0; p < 8; p++) {
    const reg = cpu + (p << 4);
    let tag: u32 = 3;
    if (load<u8>(cpu + p, X87_TAG) == 0) {
      const se: u32 = load<u16>(reg, X87_REG + 8);
      const sig = load<u64>(reg, X87_REG);
      const kind = classOf(se, sig);
      tag = kind == ZERO ? 1 : kind == FINITE && !isDenormal(se, sig) ? 0 : 2;
    }
    word |= tag << (p << 1);
  }
  return word;
}
function setTagWord(cpu: usize, word: u32): void {
  for (let p: u32 = 0; p < 8; p++) store<u8>(cpu + p, u8(((word >>> (p << 1)) & 3) == 3), X87_TAG);
}

/** fnstenv: 28 bytes, or 14 when narrow. Masks all exceptions afterwards. */
export function x87SaveEnv(cpu: usize, at: usize, narrow: i32): void {
  writeEnv(cpu, at, narrow != 0);
  store<u32>(cpu, load<u32>(cpu, X87_CONTROL) | 0x3f, X87_CONTROL);
  summarize(cpu, load<u32>(cpu, X87_STATUS));
}
function writeEnv(cpu: usize, at: usize, narrow: bool): void {
  const fip = load<u32>(cpu, X87_FIP);
  const fdp = load<u32>(cpu, X87_FDP);
  noteOpcode(cpu);
  const fop = load<u32>(cpu, X87_FOP) & 0x7ff;
  const fcs: u32 = load<u64>(cpu, X87_FIP) != 0 ? load<u32>(cpu, CS_SELECTOR) & 0xffff : 0;
  const fds: u32 = load<u64>(cpu, X87_FDP) != 0 ? load<u32>(cpu, DS_SELECTOR) & 0xffff : 0;
  if (narrow) {
    store<u16>(at, load<u32>(cpu, X87_CONTROL));
    store<u16>(at, x87StatusWord(cpu), 2);
    store<u16>(at, x87TagWord(cpu), 4);
    store<u16>(at, fip, 6);
    store<u16>(at, fcs, 8);
    store<u16>(at, fdp, 10);
    store<u16>(at, fds, 12);
    return;
  }
  store<u32>(at, load<u32>(cpu, X87_CONTROL) | 0xffff0000);
  store<u32>(at, x87StatusWord(cpu) | 0xffff0000, 4);
  store<u32>(at, x87TagWord(cpu) | 0xffff0000, 8);
  store<u32>(at, fip, 12);
  store<u32>(at, fcs | (fop << 16), 16);
  store<u32>(at, fdp, 20);
  store<u32>(at, fds | 0xffff0000, 24);
}
export function x87LoadEnv(cpu: usize, at: usize, narrow: i32): void {
  if (narrow != 0) {
    setControl(cpu, load<u16>(at));
    setStatusWord(cpu, load<u16>(at, 2));
    setTagWord(cpu, load<u16>(at, 4));
    store<u64>(cpu, load<u16>(at, 6), X87_FIP);
    store<u64>(cpu, load<u16>(at, 10), X87_FDP);
    return;
  }
  setControl(cpu, load<u16>(at));
  setStatusWord(cpu, load<u16>(at, 4));
  setTagWord(cpu, load<u16>(at, 8));
  store<u64>(cpu, load<u32>(at, 12), X87_FIP);
  store<u32>(cpu, load<u16>(at, 18) & 0x7ff, X87_FOP);
  store<u64>(cpu, load<u32>(at, 20), X87_FDP);
}
/** fnsave: the environment, 80 bytes of registers from ST(0) on, then fninit. 108 bytes, 94 when narrow. */
export function x87Save(cpu: usize, at: usize, narrow: i32): void {
  writeEnv(cpu, at, narrow != 0);
  let to = at + (narrow != 0 ? 14 : 28);
  const top = load<u32>(cpu, X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const reg = cpu + (((top + i) & 7) << 4);
    store<u64>(to, load<u64>(reg, X87_REG));
    store<u16>(to, load<u16>(reg, X87_REG + 8), 8);
    to += 10;
  }
  x87Init(cpu);
}
export function x87Restore(cpu: usize, at: usize, narrow: i32): void {
  x87LoadEnv(cpu, at, narrow);
  let from = at + (narrow != 0 ? 14 : 28);
  const top = load<u32>(cpu, X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const reg = cpu + (((top + i) & 7) << 4);
    store<u64>(reg, load<u64>(from), X87_REG);
    store<u64>(reg, load<u16>(from, 8), X87_REG + 8);
    from += 10;
  }
}

/** The guest's memory and the permissions of its pages (src/machine/memoryLayout.ts). */
const GUEST: usize = 0x4000000;
const PERMISSIONS: usize = 0x100000;
const EXECUTABLE: u32 = 4;

/** The last instruction's opcode is found where its pointer says; as it was loaded if nothing can be read there. */
function noteOpcode(cpu: usize): void {
  if (load<u32>(cpu, X87_FIP + 4) != 0) return;
  let at = load<u32>(cpu, X87_FIP);
  for (let n = 0; n < 15; n++, at++) {
    if ((load<u8>(PERMISSIONS + (at >>> 12)) & EXECUTABLE) == 0 || (load<u8>(PERMISSIONS + ((at + 1) >>> 12)) & EXECUTABLE) == 0) return;
    const byte: u32 = load<u8>(GUEST + at);
    if ((byte & 0xf8) == 0xd8) {
      store<u32>(cpu, ((byte & 7) << 8) | load<u8>(GUEST + at + 1), X87_FOP);
      return;
    }
  }
}

/** The x87 part of fxsave's image; wide: with REX.W (64-bit pointers). */
function saveX87(cpu: usize, at: usize, wide: i32): void {
  const status = x87StatusWord(cpu);
  store<u16>(at, load<u32>(cpu, X87_CONTROL));
  store<u16>(at, status, 2);
  let tags: u32 = 0;
  for (let p: u32 = 0; p < 8; p++) if (load<u8>(cpu + p, X87_TAG) == 0) tags |= 1 << p;
  store<u16>(at, tags, 4);
  // The pointers are shown only while an exception is pending, as AMD's processors do; others show them always.
  if ((status & ES) != 0) {
    noteOpcode(cpu);
    store<u16>(at, load<u32>(cpu, X87_FOP) & 0x7ff, 6);
    if (wide != 0) {
      store<u64>(at, load<u64>(cpu, X87_FIP), 8);
      store<u64>(at, load<u64>(cpu, X87_FDP), 16);
    } else {
      store<u32>(at, load<u32>(cpu, X87_FIP), 8);
      store<u32>(at, load<u32>(cpu, CS_SELECTOR) & 0xffff, 12);
      store<u32>(at, load<u32>(cpu, X87_FDP), 16);
      store<u32>(at, load<u32>(cpu, DS_SELECTOR) & 0xffff, 20);
    }
  } else {
    store<u16>(at, 0, 6);
    store<u64>(at, 0, 8);
    store<u64>(at, 0, 16);
  }
  const top = load<u32>(cpu, X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const reg = cpu + (((top + i) & 7) << 4);
    store<u64>(at + (i << 4), load<u64>(reg, X87_REG), 32);
    store<u64>(at + (i << 4), load<u16>(reg, X87_REG + 8), 40);
  }
}
/** MXCSR and its mask, and the xmm registers: 16 or 8. */
function saveSse(cpu: usize, at: usize, registers: i32): void {
  store<u32>(at, load<u32>(cpu, MXCSR), 24);
  store<u32>(at, 0xffff, 28);
  memory.copy(at + 160, cpu + XMM, <usize>registers << 4);
}
function loadX87(cpu: usize, at: usize, wide: i32): void {
  setControl(cpu, load<u16>(at));
  setStatusWord(cpu, load<u16>(at, 2));
  const tags: u32 = load<u8>(at, 4);
  for (let p: u32 = 0; p < 8; p++) store<u8>(cpu + p, u8((tags >>> p) & 1) ^ 1, X87_TAG);
  store<u32>(cpu, load<u16>(at, 6) & 0x7ff, X87_FOP);
  store<u64>(cpu, wide != 0 ? load<u64>(at, 8) : load<u32>(at, 8), X87_FIP);
  store<u64>(cpu, wide != 0 ? load<u64>(at, 16) : load<u32>(at, 16), X87_FDP);
  const top = load<u32>(cpu, X87_TOP);
  for (let i: u32 = 0; i < 8; i++) {
    const reg = cpu + (((top + i) & 7) << 4);
    store<u64>(reg, load<u64>(at + (i << 4), 32), X87_REG);
    store<u64>(reg, load<u16>(at + (i << 4), 40), X87_REG + 8);
  }
}
function setMxcsr(cpu: usize, mxcsr: u32): void {
  store<u32>(cpu, exactFor(mxcsr), SSE_EXACT);
  store<u32>(cpu, mxcsr, MXCSR);
}

/** fxsave's image; wide: with REX.W (64-bit pointers); registers: 16 or 8 xmm registers. */
export function x87FxSave(cpu: usize, at: usize, wide: i32, registers: i32): void {
  saveX87(cpu, at, wide);
  saveSse(cpu, at, registers);
}
/** fxrstor; 0 when the image's MXCSR has reserved bits (#GP, nothing loaded). */
export function x87FxRestore(cpu: usize, at: usize, wide: i32, registers: i32): i32 {
  const mxcsr = load<u32>(at, 24);
  if ((mxcsr & 0xffff0000) != 0) return 0;
  loadX87(cpu, at, wide);
  setMxcsr(cpu, mxcsr);
  memory.copy(cpu + XMM, at + 160, <usize>registers << 4);
  return 1;
}

/** What XCR0 allows: x87 and SSE. */
const XCR0: u32 = 3;
/**
 * xsave in the standard format (SDM vol. 1, 13.7): the components of `mask` and their bits in the header. form = registers | wide << 8.
 * Every component counts as in use.
 */
export function xsave(cpu: usize, at: usize, form: i32, mask: u32): void {
  const components = mask & XCR0;
  if ((components & 1) != 0) saveX87(cpu, at, form >> 8);
  if ((components & 2) != 0) saveSse(cpu, at, form & 0xff);
  store<u64>(at, (load<u64>(at, 512) & ~<u64>components) | components, 512);
}
/** xrstor (SDM vol. 1, 13.8.1); 0 when header or MXCSR are not allowed (#GP, nothing loaded). */
export function xrstor(cpu: usize, at: usize, form: i32, mask: u32): i32 {
  const components = mask & XCR0;
  const present = load<u64>(at, 512);
  if ((present & ~<u64>XCR0) != 0 || load<u64>(at, 520) != 0 || load<u64>(at, 528) != 0) return 0;
  const mxcsr = load<u32>(at, 24);
  if ((components & 2) != 0 && (mxcsr & 0xffff0000) != 0) return 0;
  if ((components & 1) != 0) {
    if ((present & 1) != 0) loadX87(cpu, at, form >> 8);
    else {
      x87Init(cpu);
      memory.fill(cpu + X87_REG, 0, 128);
    }
  }
  if ((components & 2) != 0) {
    setMxcsr(cpu, mxcsr);
    if ((present & 2) != 0) memory.copy(cpu + XMM, at + 160, <usize>(form & 0xff) << 4);
    else memory.fill(cpu + XMM, 0, <usize>(form & 0xff) << 4);
  }
  return 1;
}
