import type { HostFiles } from '../../host/hostFiles.ts';

const MAX_OPEN = 400;

/** Something that holds a host descriptor it can give up and open again by name. */
export interface FdHolder {
  hostFd: number;
  /** False while the descriptor is the only way to the file (unlinked, open for writing...). */
  mayDropFd(): boolean;
}

/** The host descriptors that inodes keep open, least recently used first: reads do not open the file each time. */
export class FdPool {
  private readonly holders = new Set<FdHolder>();
  private readonly host: HostFiles;
  constructor(host: HostFiles) {
    this.host = host;
  }

  add(holder: FdHolder): void {
    this.holders.add(holder);
    if (this.holders.size <= MAX_OPEN) return;
    let looked = 0;
    for (const old of this.holders) {
      if (old !== holder && old.mayDropFd()) {
        this.close(old);
        return;
      }
      if (++looked > 64) return;
    }
  }

  /** It was used just now. */
  touch(holder: FdHolder): void {
    this.holders.delete(holder);
    this.holders.add(holder);
  }

  close(holder: FdHolder): void {
    this.holders.delete(holder);
    if (holder.hostFd < 0) return;
    this.host.close(holder.hostFd);
    holder.hostFd = -1;
  }
}
