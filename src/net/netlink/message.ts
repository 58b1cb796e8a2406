import { NLMSG_ERROR } from '../../abi/linux/socket.ts';
import { putU32 } from '../../abi/layout.ts';
import { MessageWriter } from './attributes.ts';

const NLM_F_CAPPED = 0x100;
/** Answers to a dump are gathered into messages of about this size. */
const DUMP_CHUNK = 8192;

/** One netlink message that a program has sent. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  readonly body: Uint8Array;
  readonly whole: Uint8Array;
}

/** Several messages to a datagram. */
export function gather(messages: readonly Uint8Array[]): Uint8Array[] {
  const out: Uint8Array[] = [];
  let group: Uint8Array[] = [];
  let size = 0;
  const close = (): void => {
    if (size === 0) return;
    const joined = new Uint8Array(size);
    let at = 0;
    for (const m of group) {
      joined.set(m, at);
      at += m.length;
    }
    out.push(joined);
    group = [];
    size = 0;
  };
  for (const m of messages) {
    if (size + m.length > DUMP_CHUNK) close();
    group.push(m);
    size += m.length;
  }
  close();
  return out;
}

/** An error, or an acknowledgement. */
export function errorMessage(r: Request, errno: number, portId: number): Uint8Array {
  // A success shows the header of the request only.
  const shown = errno === 0 ? r.whole.subarray(0, 16) : r.whole;
  const fixed = new Uint8Array(4 + shown.length);
  putU32(fixed, 0, errno);
  fixed.set(shown, 4);
  return new MessageWriter(NLMSG_ERROR, errno === 0 ? NLM_F_CAPPED : 0, r.seq, portId, fixed).finish();
}
