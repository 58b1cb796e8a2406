import { NETLINK_SOCK_DIAG, NLM_F_REQUEST } from '../../abi/linux/socket.ts';
import { getU16, getU32 } from '../../abi/layout.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { NetStack } from '../netStack.ts';
import { diagAnswer } from './diagAnswers.ts';
import { routeAnswer } from './routeAnswers.ts';

/** Types below this one are netlink's own. */
const FIRST_TYPE = 16;

/** The datagrams that answer the requests in `data`. */
export function answerRequests(net: NetStack, protocol: number, data: Uint8Array, portId: number, cred: Cred): Uint8Array[] {
  const answer = protocol === NETLINK_SOCK_DIAG ? diagAnswer : routeAnswer;
  const out: Uint8Array[] = [];
  for (let at = 0; at + 16 <= data.length; ) {
    const length = getU32(data, at);
    if (length < 16 || at + length > data.length) break;
    const whole = data.subarray(at, at + length);
    const request = { type: getU16(whole, 4), flags: getU16(whole, 6), seq: getU32(whole, 8), body: whole.subarray(16), whole };
    if ((request.flags & NLM_F_REQUEST) !== 0 && request.type >= FIRST_TYPE) out.push(...answer(net, request, portId, cred));
    at += (length + 3) & ~3;
  }
  return out;
}
