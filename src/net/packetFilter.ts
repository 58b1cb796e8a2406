import { ARPHRD_LOOPBACK } from '../abi/linux/socket.ts';
import { BPF_ABS, BPF_ALU, BPF_B, BPF_H, BPF_IND, BPF_K, BPF_LD, BPF_LDX, BPF_MOD, BPF_MSH, BPF_W, BPF_X } from '../abi/linux/seccomp.ts';
import { type BpfDialect, type BpfInput, type BpfProgram, checkProgram, COMMON, INSTRUCTION_BYTES, runProgram } from '../kernel/bpf.ts';

/** What is beyond these is no place in a packet but a fact about it; up to SKF_AD_MAX. */
const SKF_AD_OFF = 0xfffff000;
const SKF_AD_MAX = 64;
/** chk_code_allowed, bpf_anc_helper */
const PACKETS: BpfDialect = {
  allowed: new Set([...COMMON, BPF_ALU | BPF_MOD | BPF_K, BPF_ALU | BPF_MOD | BPF_X, BPF_LDX | BPF_B | BPF_MSH, ...[BPF_W, BPF_H, BPF_B].flatMap((size) => [BPF_LD | size | BPF_ABS, BPF_LD | size | BPF_IND])]),
  isPlace: (k) => k < SKF_AD_OFF || (k < SKF_AD_OFF + SKF_AD_MAX && k % 4 === 0),
};
/** Negative places count from the network header on; those below from that of the link, which nothing here has. */
const SKF_NET_OFF = -0x100000;
const Fact = { protocol: 0, interfaceIndex: 8, hardwareType: 28, xor: 40, random: 56 } as const;

/** What a filter may ask about a packet: struct sk_buff's. */
export class FilteredPacket implements BpfInput {
  /** From where places count: UDP's header, a netlink message, what was sent over a Unix socket. */
  private readonly data: Uint8Array;
  /** From its network header on; null: it has none. */
  private readonly network: Uint8Array | null;
  /** ETH_P_*, and the interface's index; 0: none. */
  private readonly protocol: number;
  private readonly interfaceIndex: number;

  constructor(data: Uint8Array, network: Uint8Array | null = null, protocol = 0, interfaceIndex = 0) {
    this.data = data;
    this.network = network;
    this.protocol = protocol;
    this.interfaceIndex = interfaceIndex;
  }

  get length(): number {
    return this.data.length;
  }

  load(place: number, size: number, a: number, x: number): number {
    if (place >= SKF_AD_OFF) return this.fact(place - SKF_AD_OFF, a, x);
    let n = 0;
    for (let i = 0; i < size; i++) {
      const byte = this.byteAt((place | 0) + i);
      if (byte < 0) return -1;
      n = n * 256 + byte;
    }
    return n;
  }

  private byteAt(place: number): number {
    return (place >= 0 ? this.data[place] : this.network?.[place - SKF_NET_OFF]) ?? -1;
  }

  private fact(which: number, a: number, x: number): number {
    switch (which) {
      case Fact.protocol: return this.protocol;
      case Fact.interfaceIndex: return this.interfaceIndex === 0 ? -1 : this.interfaceIndex;
      case Fact.hardwareType: return this.interfaceIndex === 0 ? -1 : ARPHRD_LOOPBACK;
      case Fact.xor: return (a ^ x) >>> 0;
      case Fact.random: return Math.floor(Math.random() * 2 ** 32);
      default: return 0;
    }
  }
}

/** A classic BPF program that says how much of a packet a socket gets (SO_ATTACH_FILTER). */
export class PacketFilter {
  private readonly program: BpfProgram;
  /** struct sock_filter each. */
  readonly bytes: Uint8Array;

  private constructor(program: BpfProgram, bytes: Uint8Array) {
    this.program = program;
    this.bytes = bytes;
  }

  /** null: it is none that Linux would take. */
  static of(bytes: Uint8Array): PacketFilter | null {
    const program = checkProgram(bytes, PACKETS);
    return program === null ? null : new PacketFilter(program, bytes);
  }

  get instructions(): number {
    return this.bytes.length / INSTRUCTION_BYTES;
  }

  /** How many bytes of the packet are let through; 0: it is dropped. */
  run(packet: FilteredPacket): number {
    return runProgram(this.program, packet);
  }
}
