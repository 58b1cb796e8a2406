import { MS_RELATIME } from '../abi/linux/fs.ts';
import { GuestMemory } from '../machine/guestMemory.ts';
import { Cred } from './cred.ts';
import type { FileCaller } from './fileDescription.ts';
import type { FileSystem } from './fileSystem.ts';
import { DeviceTable, type FsEnv, type SpecialOpener } from './fsEnv.ts';
import { Mount } from './mount.ts';
import { MountNamespace } from './mountNamespace.ts';
import { FsContext, type Path } from './path.ts';

/** An environment for tests: a clock that moves by hand. */
export class TestEnv implements FsEnv {
  sec = 1_700_000_000;
  nsec = 0;
  readonly devices = new DeviceTable();
  readonly openFifo: SpecialOpener;

  constructor(openFifo: SpecialOpener = () => -6) {
    this.openFifo = openFifo;
  }
  now(): { sec: number; nsec: number } {
    return { sec: this.sec, nsec: this.nsec };
  }
  ticks(): number {
    return this.sec * 1000 + this.nsec / 1e6;
  }
}

/** Somebody who uses files, without a guest. */
export class TestCaller implements FileCaller {
  readonly memory = new GuestMemory(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }), { prepare: () => 0 });
  fs: FsContext;
  cred: Cred;
  readonly tgid = 1;

  constructor(root: Path, cred = new Cred()) {
    this.fs = new FsContext(root, root, 0o022);
    this.cred = cred;
  }
}

/** A caller at the root of a file system. */
export function callerOf(fs: FileSystem): TestCaller {
  return new TestCaller(new MountNamespace(new Mount(fs, fs.root, fs.typeName, MS_RELATIME)).rootPath);
}
