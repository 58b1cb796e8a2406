import { EINVAL, ENODATA } from '../../abi/linux/errno.ts';
import { O_RDWR } from '../../abi/linux/openFlags.ts';
import { FileDescription, type FileCaller } from '../../vfs/fileDescription.ts';
import type { FileSystem } from '../../vfs/fileSystem.ts';
import { anonPath } from './anonFs.ts';

/**
 * What of a file system's life a context waits for.
 *
 *   parameters --(create)--> created --(fsmount)--> mounted --(reconfigure)--> mounted; fspick begins with `mounted`
 */
export type FsPhase = 'parameters' | 'created' | 'mounted' | 'failed';

/** fsopen(2), fspick(2): a file system that is being described, or described anew. */
export class FsContextFile extends FileDescription {
  readonly typeName: string;
  phase: FsPhase;
  source = '';
  readOnly: boolean;
  /** What the type itself understands, as mount(2) takes it. */
  readonly options: string[] = [];
  fileSystem: FileSystem | null;

  constructor(t: FileCaller, typeName: string, picked: FileSystem | null) {
    super(anonPath(t, '[fscontext]'), O_RDWR, t.cred);
    this.typeName = typeName;
    this.fileSystem = picked;
    this.readOnly = picked?.readOnly ?? false;
    this.phase = picked === null ? 'parameters' : 'mounted';
  }

  /** Messages about what went wrong: there are none. */
  override read(): number {
    return -ENODATA;
  }
  override write(): number {
    return -EINVAL;
  }
}
