import { EINVAL, ENOENT, EOPNOTSUPP } from '../../abi/linux/errno.ts';
import { NLM_F_ACK, NLM_F_DUMP, NLM_F_MULTI, NLMSG_DONE } from '../../abi/linux/socket.ts';
import { getU16 } from '../../abi/layout.ts';
import { latin1 } from '../../machine/guestMemory.ts';
import { MessageWriter } from './attributes.ts';
import { errorMessage, type Request } from './message.ts';

/** genetlink: the controller, which tells of families, is the only family there is. */
const CONTROLLER = { id: 16, name: 'nlctrl', version: 2 };
const NEWFAMILY = 1;
const GETFAMILY = 3;
const ATTR = { FAMILY_ID: 1, FAMILY_NAME: 2, VERSION: 3, HDRSIZE: 4, MAXATTR: 5, OPS: 6, MCAST_GROUPS: 7 } as const;
const OP = { ID: 1, FLAGS: 2 } as const;
const GROUP = { NAME: 1, ID: 2 } as const;
/** CTRL_CMD_GETFAMILY and CTRL_CMD_GETPOLICY, with what they can: do, dump, has a policy. */
const OPERATIONS: readonly (readonly [id: number, flags: number])[] = [[GETFAMILY, 0xe], [10, 0xc]];

const u16 = (n: number): Uint8Array => Uint8Array.of(n & 0xff, n >>> 8);

/** Attributes without a message round them. */
function nested(write: (w: MessageWriter) => void): Uint8Array {
  const w = new MessageWriter(0, 0, 0, 0, new Uint8Array(0));
  write(w);
  return w.finish().subarray(16);
}

function family(r: Request, flags: number, portId: number): Uint8Array {
  const { id, name, version } = CONTROLLER;
  const operations = nested((list) => OPERATIONS.forEach(([op, can], i) => list.attribute(i + 1, nested((w) => w.u32(OP.ID, op).u32(OP.FLAGS, can)))));
  const groups = nested((list) => list.attribute(1, nested((w) => w.u32(GROUP.ID, id).string(GROUP.NAME, 'notify'))));
  return new MessageWriter(id, flags, r.seq, portId, Uint8Array.of(NEWFAMILY, version, 0, 0))
    .string(ATTR.FAMILY_NAME, name).attribute(ATTR.FAMILY_ID, u16(id)).u32(ATTR.VERSION, version).u32(ATTR.HDRSIZE, 0).u32(ATTR.MAXATTR, 0)
    .attribute(ATTR.OPS, operations).attribute(ATTR.MCAST_GROUPS, groups).finish();
}

/** Whether a request for one family means the controller; -errno. */
function wanted(body: Uint8Array): number {
  for (let at = 4; at + 4 <= body.length; ) {
    const length = getU16(body, at);
    if (length < 4 || at + length > body.length) break;
    const value = body.subarray(at + 4, at + length);
    switch (getU16(body, at + 2) & 0x3fff) {
      case ATTR.FAMILY_ID: return value.length >= 2 && getU16(value, 0) === CONTROLLER.id ? 0 : -ENOENT;
      case ATTR.FAMILY_NAME: return latin1(value, 0, value.length).replace(/\0.*$/s, '') === CONTROLLER.name ? 0 : -ENOENT;
    }
    at += (length + 3) & ~3;
  }
  return -EINVAL;
}

/** The datagrams that answer one request of NETLINK_GENERIC. */
export function genericAnswer(r: Request, portId: number): Uint8Array[] {
  if (r.type !== CONTROLLER.id) return [errorMessage(r, -ENOENT, portId)];
  if (r.body.length < 4) return [errorMessage(r, -EINVAL, portId)];
  if (r.body[0] !== GETFAMILY) return [errorMessage(r, -EOPNOTSUPP, portId)];
  if ((r.flags & NLM_F_DUMP) === NLM_F_DUMP) {
    return [family(r, NLM_F_MULTI, portId), new MessageWriter(NLMSG_DONE, NLM_F_MULTI, r.seq, portId, new Uint8Array(4)).finish()];
  }
  const result = wanted(r.body);
  if (result < 0) return [errorMessage(r, result, portId)];
  return (r.flags & NLM_F_ACK) !== 0 ? [family(r, 0, portId), errorMessage(r, 0, portId)] : [family(r, 0, portId)];
}
