import { expect, test } from 'vitest';
import { ipBytes, ipText, isLinkLocal, isLoopback, isMulticast, mappedV4 } from './ip.ts';

test('addresses and their bytes', () => {
  for (const ip of ['127.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', '2001:db8::8:800:200c:417a', '1:0:2::3', 'ff02::1', '1:2:3:4:5:6:7:8', '1::']) {
    expect(ipText(ipBytes(ip))).toBe(ip);
  }
  expect(ipText(ipBytes('fe80::1%eth0'))).toBe('fe80::1');
  expect([...ipBytes('::ffff:1.2.3.4').subarray(10)]).toEqual([255, 255, 1, 2, 3, 4]);
  expect(mappedV4(ipBytes('::ffff:1.2.3.4'))).toBe('1.2.3.4');
  expect(mappedV4(ipBytes('::1'))).toBe(null);
});

test('kinds of addresses', () => {
  expect([isLoopback('127.9.9.9'), isLoopback('::1'), isLoopback('1.2.3.4')]).toEqual([true, true, false]);
  expect([isMulticast('224.0.0.1'), isMulticast('239.1.2.3'), isMulticast('240.0.0.1'), isMulticast('ff02::1'), isMulticast('fe80::1')]).toEqual([true, true, false, true, false]);
  expect([isLinkLocal('fe80::1'), isLinkLocal('fec0::1')]).toEqual([true, false]);
});
