/** Cryptographic random bytes; `into` may be a view of a shared memory. */
export interface Random {
  fill(into: Uint8Array): void;
}
