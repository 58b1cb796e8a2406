import { EPERM } from '../../abi/linux/errno.ts';
import { NETLINK_GENERIC, NETLINK_KOBJECT_UEVENT, NETLINK_SOCK_DIAG, NLM_F_ACK, NLM_F_REQUEST } from '../../abi/linux/socket.ts';
import { getU16, getU32 } from '../../abi/layout.ts';
import type { Cred } from '../../vfs/cred.ts';
import type { NetStack } from '../netStack.ts';
import { diagAnswer } from './diagAnswers.ts';
import { genericAnswer } from './genericAnswers.ts';
import { errorMessage, type Request } from './message.ts';
import { routeAnswer } from './routeAnswers.ts';

/** Types below this one are netlink's own. */
const FIRST_TYPE = 16;

type Answer = (net: NetStack, r: Request, portId: number, cred: Cred) => Uint8Array[];

function answerOf(protocol: number): Answer {
  switch (protocol) {
    case NETLINK_SOCK_DIAG: return diagAnswer;
    case NETLINK_GENERIC: return (_net, r, portId) => genericAnswer(r, portId);
    // Nobody but the kernel tells of devices, and there are none that come or go.
    case NETLINK_KOBJECT_UEVENT: return (_net, r, portId) => [errorMessage(r, -EPERM, portId)];
    default: return routeAnswer;
  }
}

/** The datagrams that answer the requests in `data`. */
export function answerRequests(net: NetStack, protocol: number, data: Uint8Array, portId: number, cred: Cred): Uint8Array[] {
  const answer = answerOf(protocol);
  const out: Uint8Array[] = [];
  for (let at = 0; at + 16 <= data.length; ) {
    const length = getU32(data, at);
    if (length < 16 || at + length > data.length) break;
    const whole = data.subarray(at, at + length);
    const request = { type: getU16(whole, 4), flags: getU16(whole, 6), seq: getU32(whole, 8), body: whole.subarray(16), whole };
    if ((request.flags & NLM_F_REQUEST) !== 0 && request.type >= FIRST_TYPE) out.push(...answer(net, request, portId, cred));
    else if ((request.flags & NLM_F_ACK) !== 0) out.push(errorMessage(request, 0, portId));
    at += (length + 3) & ~3;
  }
  return out;
}
