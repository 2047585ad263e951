import fc from 'fast-check';
import { inspect } from 'node:util';
import { DomainError, isDomainError } from './errors';
import {
  LocationUrl,
  backupRootOf,
  fileLocation,
  filePathOf,
  locationAbove,
  locationBelow,
  parseLocationUrl,
  partsBelow,
} from './location-url';
import { Secret } from './secret';

function refusal(text: string, endpoint?: string): string {
  try {
    parseLocationUrl(text, 'strategy.location.url', endpoint);
  } catch (error) {
    if (isDomainError(error, 'ValidationError')) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('parseLocationUrl', () => {
  it.each([
    ['file:///var/backups/', undefined, 'file:///var/backups', undefined],
    ['FILE:///a%20b/ä', undefined, 'file:///a%20b/%C3%A4', undefined],
    ['file:///', undefined, 'file:///', undefined],
    ['s3://bucket', undefined, 's3://bucket', 's3.amazonaws.com'],
    ['s3://bucket/a/b/', undefined, 's3://bucket/a/b', 's3.amazonaws.com'],
    [
      's3://bucket/a',
      'https://S3.Example.org:443/',
      's3://bucket/a?endpoint=https%3A%2F%2Fs3.example.org',
      's3.example.org',
    ],
    ['s3://bucket/a?endpoint=http://h:9000', undefined, 's3://bucket/a?endpoint=http%3A%2F%2Fh%3A9000', 'h:9000'],
    ['swift://c/p/q', 'https://h:8080/v1/AUTH_x', 'swift+https://h:8080/v1/AUTH_x/c/p/q', 'h:8080'],
    ['swift+https://h/v1/AUTH_x/c', undefined, 'swift+https://h/v1/AUTH_x/c', 'h'],
    ['swift+http://h/swift/v1/AUTH_x/c/p', undefined, 'swift+http://h/swift/v1/AUTH_x/c/p', 'h'],
    ['https://Example.ORG/a/', undefined, 'https://example.org/a', 'example.org'],
    ['http://0x7f.1/a', undefined, 'http://127.0.0.1/a', '127.0.0.1'],
  ])('reads %s (endpoint %s) as %s', (text, endpoint, href, host) => {
    const url = parseLocationUrl(text, 'url', endpoint);
    expect(url).toMatchObject({ href, host, given: { url: text } });
    expect(parseLocationUrl(url.href, 'url')).toMatchObject({
      href,
      host,
      base: url.base,
      segments: url.segments,
      service: url.service,
    });
  });

  it('takes a Swift URL apart into storage URL, container and prefix', () => {
    expect(parseLocationUrl('swift://c/p/q', 'url', 'https://h/v1/AUTH_x')).toMatchObject({
      kind: 'swift',
      service: 'https://h/v1/AUTH_x',
      container: 'c',
      segments: ['p', 'q'],
    });
  });

  it.each([
    ['s3://user:hunter2@bucket/a', undefined, 'user information'],
    ['https://hunter2@host/a', undefined, 'user information'],
    ['file://hunter2@/a', undefined, 'user information'],
    ['https://host/a?X-Amz-Signature=hunter2', undefined, 'signed'],
    ['https://host/a?sv=1&sig=hunter2', undefined, 'signed'],
    ['https://host/a?AWSAccessKeyId=hunter2', undefined, 'signed'],
    ['https://host/a?temp_url_sig=hunter2', undefined, 'signed'],
    ['s3://bucket/a?token=hunter2', undefined, 'signed'],
    ['s3://bucket/a?access_token=hunter2', undefined, 'signed'],
    ['s3://bucket?endpoint=https://u:hunter2@host', undefined, 'user information'],
    ['s3://bucket', 'https://u:hunter2@host', 'user information'],
    ['s3://bucket', 'https://host/?sig=hunter2', 'signed'],
    ['https://host/a#hunter2', undefined, 'fragment'],
  ])('refuses the secret in %s (endpoint %s) without repeating it', (text, endpoint, reason) => {
    const message = refusal(text, endpoint);
    expect(message).toContain(reason);
    expect(message).not.toContain('hunter2');
    expect(message).toMatch(/^strategy\.location\.(url|endpoint)/);
  });

  it.each([
    'file:///a/../b',
    'file:///a/%2e%2e/b',
    'file:///a/./b',
    'file:///a//b',
    'file:///a%2Fb',
    'file:///a%5Cb',
    'file:///a\\b',
    'file:///a%00b',
    'file:///a\u0000b',
    'file:///a%zz',
    'file:///a b',
    'file:///a\ud800b',
    'file:///a?x=1',
    's3://bucket/../other',
    'swift+https://host/v1/AUTH_x/c/../../AUTH_y/c',
  ])('refuses the path trick %j', (text) => {
    expect(refusal(text)).toContain('strategy.location.url');
  });

  it.each([
    ['', 'absolute URL'],
    ['/var/backups', 'absolute URL'],
    ['file:/var', 'absolute URL'],
    ['ftp://host/a', 'absolute URL'],
    ['gopher://host/a', 'absolute URL'],
    ['file://host/share', 'file:///folder'],
    ['file://', 'file:///folder'],
    ['s3:///a', 'bucket'],
    ['s3://bucket:80/a', 'bucket'],
    ['https:///a', 'host'],
    ['https://a:b:c/', 'host'],
    ['swift+https://host/c/p', 'Swift container'],
    ['swift+https://host/v1/AUTH_x', 'Swift container'],
    ['swift://c/p', 'endpoint is missing'],
  ])('refuses %j', (text, reason) => {
    expect(refusal(text)).toContain(reason);
  });

  it.each([
    ['file:///a', 'https://host', 'belongs only to'],
    ['https://host/a', 'https://host', 'belongs only to'],
    ['s3://bucket', 'ftp://host', 'strategy.location.endpoint'],
    ['s3://bucket', 'file:///a', 'http or https'],
    ['s3://bucket?endpoint=https://a', 'https://b', 'differs'],
    ['swift://c', 'https://host/AUTH_x', 'storage URL'],
  ])('refuses %s with the endpoint %s', (text, endpoint, reason) => {
    expect(refusal(text, endpoint)).toContain(reason);
  });

  it('refuses endless URLs', () => {
    expect(refusal(`s3://bucket/${'a'.repeat(4096)}`)).toContain('longer than 4096');
    expect(refusal(`s3://bucket/${'€'.repeat(600)}`)).toContain('longer than 4096');
  });

  it('gives a canonical URL or a ValidationError for any text', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc
        .tuple(
          fc.constantFrom('file:///', 's3://b/', 'swift://c/', 'swift+https://h/v1/a/c/', 'https://h/'),
          fc.string({ unit: 'binary' }),
        )
        .map(([a, b]) => a + b),
    );
    fc.assert(
      fc.property(text, fc.option(fc.webUrl(), { nil: undefined }), (url, endpoint) => {
        let parsed: LocationUrl;
        try {
          parsed = parseLocationUrl(url, 'url', endpoint);
        } catch (error) {
          expect(error).toBeInstanceOf(DomainError);
          return;
        }
        expect(parseLocationUrl(parsed.href, 'url').href).toBe(parsed.href);
        expect(parsed.segments.every((part) => part !== '..' && part !== '.' && !part.includes('/'))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('walking locations', () => {
  const root = parseLocationUrl('s3://bucket/a?endpoint=http://h', 'url');

  it('goes down and up, and keeps the endpoint', () => {
    const below = locationBelow(root, 'b c', 'd');
    expect(below.href).toBe('s3://bucket/a/b%20c/d?endpoint=http%3A%2F%2Fh');
    expect(locationAbove(locationAbove(below)).href).toBe(root.href);
    expect(() => locationBelow(root, '..')).toThrow(DomainError);
    expect(() => locationBelow(root, 'a/b')).toThrow(DomainError);
  });

  it('tells what lies below what by whole parts', () => {
    expect(partsBelow(root, locationBelow(root, 'b', 'c'))).toEqual(['b', 'c']);
    expect(partsBelow(root, root)).toEqual([]);
    expect(partsBelow(root, parseLocationUrl('s3://bucket/ab?endpoint=http://h', 'url'))).toBeUndefined();
    expect(partsBelow(root, parseLocationUrl('s3://bucket/a/b', 'url'))).toBeUndefined();
    expect(partsBelow(locationBelow(root, 'b'), root)).toBeUndefined();
  });

  it.each(['file:///a/b', 'file:///a/b/', 'file:///a/b/manifest.json'])('finds the backup root of %s', (text) => {
    expect(backupRootOf(parseLocationUrl(text, 'source')).href).toBe('file:///a/b');
  });

  it('turns paths into URLs and back', () => {
    expect(fileLocation('/a b/c%').href).toBe('file:///a%20b/c%25');
    expect(filePathOf(parseLocationUrl('file:///a%20b/c%25', 'url'))).toBe('/a b/c%');
    expect(() => fileLocation('a/b')).toThrow(DomainError);
    expect(() => fileLocation('/a/../b')).toThrow(DomainError);
  });
});

describe('Secret', () => {
  it('shows nothing but asterisks, however it is printed', () => {
    const secret = new Secret('hunter2');
    const shown = [
      `${secret}`,
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { depth: 9, showHidden: true }),
    ];
    for (const text of shown) {
      expect(text).toContain('***');
      expect(text).not.toContain('hunter2');
    }
    expect(secret.reveal()).toBe('hunter2');
    expect(Object.values({ ...secret })).toEqual([]);
  });
});
