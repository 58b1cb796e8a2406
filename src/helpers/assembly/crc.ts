// crc32 (SSE4.2): the Castagnoli polynomial, bits reflected, four bits at a time.

/** The remainders of the sixteen values of four bits. */
const NIBBLES: usize = memory.data<u32>([
  0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
  0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
]);

/** `crc` continued over the low `bytes` bytes of `value`. */
export function crc32c(cpu: usize, crc: u32, value: u64, bytes: i32): u32 {
  for (; bytes > 0; bytes--) {
    crc ^= <u32>value & 0xff;
    value >>>= 8;
    crc = (crc >>> 4) ^ load<u32>(NIBBLES + ((crc & 15) << 2));
    crc = (crc >>> 4) ^ load<u32>(NIBBLES + ((crc & 15) << 2));
  }
  return crc;
}
