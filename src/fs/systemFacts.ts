/** The machine that /proc and /sys describe. boot fills it in, so that it agrees with cpuid and uname. */
export interface SystemFacts {
  /** As cpuid says. */
  readonly cpu: {
    readonly vendor: string;
    readonly family: number;
    readonly model: number;
    readonly stepping: number;
    readonly name: string;
    readonly mhz: number;
    readonly cacheKb: number;
    /** Highest basic leaf. */
    readonly level: number;
    /** Names as Linux's cpuinfo has them. */
    readonly flags: readonly string[];
    readonly physicalBits: number;
    readonly virtualBits: number;
  };
  readonly cpus: number;
  /** Memory in bytes. */
  memory(): { readonly total: number; readonly free: number };
  /** Unique to this run, for /proc/sys/kernel/random/boot_id: 16 random bytes. */
  readonly bootId: Uint8Array;
  /** Fresh random bytes. */
  random(length: number): Uint8Array;
  /** Types besides the built-in ones are not known. */
  readonly fileSystems: readonly { readonly name: string; readonly device: boolean }[];
}
