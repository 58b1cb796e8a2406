import type { NetStack } from '../netStack.ts';
import { UnixSocket } from './unixSocket.ts';

/**
 * Ends sockets that only messages hold, in queues that nobody can read any more: a socket sent through itself, say (Linux's
 * unix_gc). Sockets that others hold are alive, and so is whatever lies in the queues of living ones.
 */
export function collectInFlight(net: NetStack): void {
  const lost = new Set<UnixSocket>();
  const alive: UnixSocket[] = [];
  for (const s of net.unixSockets) {
    if (s.inFlight > 0 && s.references === s.inFlight) lost.add(s);
    else alive.push(s);
  }
  for (let s = alive.pop(); s !== undefined && lost.size > 0; s = alive.pop()) {
    for (const packet of s.packets) for (const file of packet.files) if (file instanceof UnixSocket && lost.delete(file)) alive.push(file);
  }
  for (const s of lost) s.acquire();
  for (const s of lost) s.dropPackets();
  for (const s of lost) s.release();
}
