import { DomainError } from '../kernel';
import { requestBaseUrl } from './base-url';
import { HttpRequest } from './http-request';

function request(headers: HttpRequest['headers'], socket: HttpRequest['socket'] = {}): HttpRequest {
  return { method: 'GET', url: '/', headers, socket };
}

describe('requestBaseUrl', () => {
  it.each([
    ['localhost:8480', 'http://localhost:8480'],
    ['magnetodb.example.org', 'http://magnetodb.example.org'],
    ['127.0.0.1:1', 'http://127.0.0.1:1'],
    ['[::1]:8480', 'http://[::1]:8480'],
  ])('takes the Host header %s', (host, expected) => {
    expect(requestBaseUrl(request({ host }))).toBe(expected);
  });

  it.each([
    'a/b',
    'evil.org#',
    'user@evil.org',
    'a b',
    '"><script>',
    'a\\b',
    '',
    'host:99x',
    '-a',
    'a.org:',
    `${'a'.repeat(300)}.org`,
  ])('refuses the Host header %p', (host) => {
    expect(() => requestBaseUrl(request({ host }))).toThrow(DomainError);
  });

  it('believes a proxy only if told to', () => {
    const proxied = request({ host: 'inner:1', 'x-forwarded-host': 'outer.org, proxy', 'x-forwarded-proto': 'https' });
    expect(requestBaseUrl(proxied)).toBe('http://inner:1');
    expect(requestBaseUrl(proxied, { trustProxy: true })).toBe('https://outer.org');
  });

  it('refuses an odd forwarded host, and ignores an odd scheme', () => {
    expect(() => requestBaseUrl(request({ 'x-forwarded-host': 'a/b' }), { trustProxy: true })).toThrow(DomainError);
    expect(requestBaseUrl(request({ host: 'a', 'x-forwarded-proto': 'javascript' }), { trustProxy: true })).toBe(
      'http://a',
    );
  });

  it('prefers the configured URL', () => {
    expect(requestBaseUrl(request({ host: 'a/b' }), { publicUrl: 'https://mdb.example.org/' })).toBe(
      'https://mdb.example.org',
    );
  });

  it('says https on an encrypted connection, and knows the address without a Host header', () => {
    expect(requestBaseUrl(request({}, { encrypted: true, localAddress: '::1', localPort: 8480 }))).toBe(
      'https://[::1]:8480',
    );
    expect(requestBaseUrl(request({}, { localAddress: '::ffff:127.0.0.1', localPort: 80 }))).toBe(
      'http://127.0.0.1:80',
    );
  });
});
