/** Placeholder until the bodies are in: record locks and flock of one inode. */
export class LockTable {}
