import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, NestFastifyApplication } from '@nestjs/platform-fastify';
import { ConsoleModule } from './console.module';

const ASSETS = join(__dirname, 'assets');
const names = readdirSync(ASSETS);
const read = (name: string): string => readFileSync(join(ASSETS, name), 'utf8');

describe('the console’s files', () => {
  let app: INestApplication;
  let url: string;
  beforeAll(async () => {
    app = await NestFactory.create<NestFastifyApplication>(ConsoleModule, new FastifyAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());

  it.each(names)('%s is served, under a policy that lets nothing in from elsewhere', async (name) => {
    const answer = await fetch(`${url}/console/${name}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(read(name));
    expect(answer.headers.get('content-security-policy')?.split('; ').sort()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self' data:",
      "require-trusted-types-for 'script'",
      "script-src 'self'",
      "style-src 'self'",
      "trusted-types 'none'",
    ]);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    const etag = answer.headers.get('etag') ?? '';
    const again = await fetch(`${url}/console/${name}`, { headers: { 'If-None-Match': etag } });
    expect({ status: again.status, body: await again.text() }).toEqual({ status: 304, body: '' });
  });

  it('are a page at /console/, where /console leads, and nothing else', async () => {
    const redirect = await fetch(`${url}/console`, { redirect: 'manual' });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, 'console/']);
    const page = await fetch(`${url}/console`);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(await page.text()).toBe(read('index.html'));
    for (const path of ['nothing.js', '..%2Fconsole.module.ts', '%2e%2e/console.module.ts', 'assets/app.js', '__proto__', 'constructor'])
      expect((await fetch(`${url}/console/${path}`)).status).toBe(404);
  });

  it('hold no inline script or style, no handler in an attribute, and name no other host', () => {
    const html = read('index.html');
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/);
    for (const name of names.filter((each) => each !== 'icon.svg')) expect(read(name)).not.toMatch(/https?:|\/\/[a-z]+\./);
  });

  it('keep nothing in the browser, and make no HTML of texts', () => {
    for (const name of names.filter((each) => each.endsWith('.js')))
      expect(read(name)).not.toMatch(/(local|session)Storage|indexedDB|\.cookie|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/);
  });

  it('are where the compiled gateway looks for them', async () => {
    const root = join(__dirname, '../../..');
    // The builder's own copying, with the project's own configuration.
    const { AssetsManager } = (await import('@nestjs/cli/lib/compiler/assets-manager.js')) as unknown as {
      AssetsManager: new () => { copyAssets(configuration: unknown, app: undefined, outDir: string, watch: boolean): void };
    };
    const configuration: unknown = JSON.parse(readFileSync(join(root, 'nest-cli.json'), 'utf8'));
    const target = join(root, 'dist/src/gateway/console/assets');
    rmSync(target, { recursive: true, force: true });
    new AssetsManager().copyAssets(configuration, undefined, 'dist', false);
    for (const name of names) expect(existsSync(join(target, name))).toBe(true);
  });
});

describe('the console’s colours', () => {
  const css = read('console.css');
  const colours = (text: string): Map<string, string> =>
    new Map([...text.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]));
  const [light = '', dark = ''] = [...css.matchAll(/:root \{([^}]*)\}/g)].map((match) => match[1] ?? '');

  /** Relative luminance and contrast as WCAG 2.2 defines them. */
  const luminance = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one: string, other: string): number => {
    const [a, b] = [luminance(one), luminance(other)];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };

  const grounds = ['ground', 'surface', 'raised'];
  const texts: [string, string][] = [
    ...['text', 'muted', 'accent'].flatMap((text) => grounds.map((ground): [string, string] => [text, ground])),
    ...['good', 'bad', 'busy'].map((tone): [string, string] => [tone, `${tone}-soft`]),
    ['text', 'bad-soft'],
    ['on-accent', 'accent'],
    ['on-danger', 'bad'],
  ];
  const marks: [string, string][] = [
    ['control-line', 'surface'],
    ['accent', 'raised'],
    ['busy', 'raised'],
  ];

  it.each([
    ['light', colours(light)],
    ['dark', colours(dark)],
  ])('can be told apart, %s', (_scheme, palette) => {
    const pairs = (list: [string, string][], least: number): string[] =>
      list.filter(([a, b]) => contrast(palette.get(a) ?? '', palette.get(b) ?? '') < least).map((pair) => pair.join(' on '));
    expect(palette.size).toBeGreaterThan(15);
    expect(pairs(texts, 4.5)).toEqual([]);
    // Edges of controls and progress bars: WCAG asks for 3.
    expect(pairs(marks, 3)).toEqual([]);
  });
});
