import { EINVAL } from '../../abi/linux/errno.ts';
import { AF_UNIX } from '../../abi/linux/socket.ts';
import { getU16 } from '../../abi/layout.ts';
import { latin1 } from '../../machine/guestMemory.ts';

/** Largest sockaddr_un. */
const MAX_LENGTH = 110;

/** Names as byte strings: a path, or an abstract name, which begins with a 0. */
export const isAbstract = (name: string): boolean => name.charCodeAt(0) === 0;

/** The name in a sockaddr_un; '' when there is only a family (autobind). -EINVAL. See unix(7) on lengths. */
export function parseUnixAddress(address: Uint8Array, mayBeEmpty: boolean): string | number {
  const { length } = address;
  if (length < 2 || getU16(address, 0) !== AF_UNIX) return -EINVAL;
  if (length === 2) return mayBeEmpty ? '' : -EINVAL;
  if (length > MAX_LENGTH) return -EINVAL;
  if (address[2] === 0) return latin1(address, 2, length);
  const end = address.indexOf(0, 2);
  return latin1(address, 2, end < 0 ? length : end);
}

/** The sockaddr_un of a name (null: unnamed): paths with their 0, which the length counts. */
export function unixAddressBytes(name: string | null): Uint8Array {
  if (name === null) return Uint8Array.of(AF_UNIX, 0);
  const path = isAbstract(name) ? name : `${name}\0`;
  const out = new Uint8Array(2 + path.length);
  out[0] = AF_UNIX;
  for (let i = 0; i < path.length; i++) out[2 + i] = path.charCodeAt(i);
  return out;
}
