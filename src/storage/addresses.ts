import { BlockList, isIP } from 'node:net';
import { validationError } from '../kernel';

/** IPv4 that is nobody's on the public Internet, or answers for the machine or cloud that asks (RFC 6890, and Azure's platform address). */
const SPECIAL_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** Parts of the global IPv6 unicast range that are special all the same: several of them hold an IPv4 address inside. */
const SPECIAL_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const special = new BlockList();
for (const [net, prefix] of SPECIAL_V4) special.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of SPECIAL_V6) special.addSubnet(net, prefix, 'ipv6');
const globalV6 = new BlockList();
globalV6.addSubnet('2000::', 3, 'ipv6');

/** IPv4 in IPv6 (`::ffff:a.b.c.d`) as IPv4, in either spelling; everything else as it is. */
function unmapped(address: string): string {
  if (isIP(address) !== 6) return address;
  const host = new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(host);
  if (!match) return host;
  const [high, low] = [match[1], match[2]].map((part) => parseInt(part ?? '', 16)) as [number, number];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Is this the address of a machine on the public Internet? Not: loopback, private, link-local, shared, multicast, metadata services. */
export function isPublicAddress(address: string): boolean {
  const plain = unmapped(address);
  switch (isIP(plain)) {
    case 4:
      return !special.check(plain, 'ipv4');
    case 6:
      return globalV6.check(plain, 'ipv6') && !special.check(plain, 'ipv6');
    default:
      return false;
  }
}

/** Addresses and ranges that the operator listed: `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`. */
export class AddressRanges {
  private readonly list = new BlockList();

  /** @throws DomainError `ValidationError` for an entry that is no address or range. */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.add(entry);
  }

  includes(address: string): boolean {
    const plain = unmapped(address);
    const version = isIP(plain);
    return version !== 0 && this.list.check(plain, version === 4 ? 'ipv4' : 'ipv6');
  }

  private add(entry: string): void {
    const [address = '', bits, ...rest] = entry.split('/');
    const version = isIP(address);
    const size = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? size : /^[0-9]{1,3}$/.test(bits) ? Number(bits) : size + 1;
    if (version === 0 || address.includes('%') || prefix > size || rest.length > 0) {
      throw validationError(`allowed storage addresses: "${entry}" is neither an IP address nor a range such as 10.0.0.0/8`);
    }
    this.list.addSubnet(address, prefix, version === 4 ? 'ipv4' : 'ipv6');
  }
}
