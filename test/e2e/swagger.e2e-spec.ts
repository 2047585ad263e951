import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Browser, Locator, Page } from 'playwright-core';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { browserIsThere, launchBrowser } from '../setup/browser';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { until } from '../setup/until';

// Other programs start here, beside whatever else the machine does: patience is not what is tested.
jest.setTimeout(300_000);

(browserIsThere('Swagger UI') ? describe : describe.skip)('Swagger UI in a real browser', () => {
  let database: TestDatabase;
  let folder: string;
  let gateway: RunningGateway;
  let browser: Browser;
  let page: Page;
  const requested: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'swagger-'));
    const settings = { port: 0, dataDir: folder, databaseUrl: database.url, devTokens: 'demo-token=demo:member', logLevel: 'silent' };
    gateway = await startGateway(Object.assign(new GatewaySettings(), settings));
    browser = await launchBrowser();
    page = await browser.newPage({ viewport: { width: 1200, height: 1600 } });
    page.setDefaultTimeout(90_000);
    page.on('request', (request) => requested.push(request.url()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The folded-out block of one call. */
  const open = async (method: string, path: string): Promise<Locator> => {
    const block = page.locator(`.opblock-${method}`).filter({ has: page.locator(`[data-path="${path}"]`) });
    await block.locator('.opblock-summary-control').click();
    return block;
  };

  /** "Try it out" and "Execute", with the documented examples as they are; the live answer's status. */
  const tryOut = async (method: string, path: string): Promise<number> => {
    const block = await open(method, path);
    await block.locator('.try-out__btn').click();
    await block.locator('button.execute').click();
    const status = block.locator('.live-responses-table .response-col_status').last();
    await status.waitFor();
    const shot = process.env.SCREENSHOTS;
    if (shot !== undefined) await block.screenshot({ path: join(shot, `${method}${path.replace(/\W+/g, '-')}.png`) });
    return Number.parseInt(await status.innerText(), 10);
  };

  it('is shown under a policy that lets it load from this host only', async () => {
    const answer = await page.goto(`${gateway.url}/docs`);
    expect(answer?.status()).toBe(200);
    const policy = answer?.headers()['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self' 'unsafe-inline'");
    expect(policy).toContain("connect-src 'self'");
    await page.locator('.opblock').first().waitFor();
    await until(async () => (await page.locator('.opblock').count()) > 40);
    expect(complaints).toEqual([]);
    // Only the documentation has it.
    expect((await fetch(`${gateway.url}/healthcheck`)).headers.get('content-security-policy')).toBeNull();
  });

  it('is refused without a token, and tells so', async () => {
    expect(await tryOut('get', '/v1/data/{project_id}/tables')).toBe(401);
    await page.reload();
    await page.locator('.opblock').first().waitFor();
  });

  it('takes a token, creates a table, puts an item, and backs it up with the documented examples', async () => {
    complaints.length = 0;
    await page.locator('.auth-wrapper > .authorize').click();
    const scheme = page.locator('.auth-container').filter({ hasText: 'X-Auth-Token' });
    await scheme.locator('input').fill('demo-token');
    await scheme.locator('button.authorize').click();
    await page.locator('.btn-done').first().click();

    expect(await tryOut('post', '/v1/data/{project_id}/tables')).toBe(200);
    expect(await tryOut('post', '/v1/data/{project_id}/tables/{table}/put_item')).toBe(200);
    expect(await tryOut('post', '/v1/{project_id}/management/{table}/backups')).toBe(202);
    expect(await tryOut('get', '/v1/{project_id}/management/{table}/backups')).toBe(200);
    expect(await tryOut('post', '/v1/management/{project_id}/tables/{table}/backups')).toBe(202);
    expect(await tryOut('get', '/v1/management/{project_id}/backups')).toBe(200);
    expect(complaints).toEqual([]);
  });

  it('asked nobody but this host for anything', () => {
    expect(requested.length).toBeGreaterThan(8);
    const outside = requested.filter((url) => !url.startsWith(`${gateway.url}/`) && !url.startsWith('data:') && !url.startsWith('blob:'));
    expect(outside).toEqual([]);
  });
});
