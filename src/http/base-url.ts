import { validationError } from '../kernel';
import { HttpRequest } from './http-request';

export interface BaseUrlOptions {
  /** What clients call this service, e.g. `https://magnetodb.example.org`; it wins over everything a request says. */
  readonly publicUrl?: string;
  /** Believe `X-Forwarded-Proto` and `X-Forwarded-Host`: only behind a proxy that sets both. Default false. */
  readonly trustProxy?: boolean;
}

/** A registered name, an IPv4 or a bracketed IPv6 address, with or without a port. Nothing that could break out of a URL. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/i;

/**
 * Scheme and authority for the absolute links of an answer, without a slash at the end. It comes from the request's own Host
 * header (400 if that is no plain host and port) unless the options say otherwise.
 */
export function requestBaseUrl(request: HttpRequest, options: BaseUrlOptions = {}): string {
  if (options.publicUrl !== undefined) return options.publicUrl.replace(/\/+$/, '');
  const socket = request.raw?.socket ?? request.socket ?? {};
  const forwarded = (name: string): string | undefined =>
    options.trustProxy === true ? firstOf(request.headers[name]) : undefined;
  const proto = forwarded('x-forwarded-proto')?.toLowerCase();
  const encrypted = 'encrypted' in socket && socket.encrypted === true;
  const scheme = proto === 'http' || proto === 'https' ? proto : encrypted ? 'https' : 'http';
  const host = forwarded('x-forwarded-host') ?? request.headers.host ?? localAuthority(socket);
  if (!HOST.test(host))
    throw validationError('The Host header must be a host name or address, with or without a port.');
  return `${scheme}://${host}`;
}

/** Proxies append to a list; the first is what the client used. */
function firstOf(header: string | string[] | undefined): string | undefined {
  const text = Array.isArray(header) ? header[0] : header;
  return text?.split(',')[0]?.trim();
}

/** HTTP/1.0 clients may send no Host: the address that they reached. */
function localAuthority(socket: { readonly localAddress?: string; readonly localPort?: number }): string {
  const address = socket.localAddress?.replace(/^::ffff:/, '') ?? 'localhost';
  return `${address.includes(':') ? `[${address}]` : address}${socket.localPort === undefined ? '' : `:${socket.localPort}`}`;
}
