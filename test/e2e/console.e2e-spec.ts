import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Browser } from 'playwright-core';
import { GatewaySettings } from '../../src/gateway/settings';
import { RunningGateway, startGateway } from '../../src/gateway/start';
import { createPostgresTableBackend, TableBackend } from '../../src/index';
import { FakeKeystone } from '../fakes/fake-keystone';
import { createTestDatabase, TestDatabase } from '../setup/database';
import { beginTry } from '../setup/tries';
import { until, untilEqual } from '../setup/until';
import { browserIsThere, launchBrowser } from '../setup/browser';
import { ConsolePage } from './console-browser';
import { expectStatus, makeTable, ManagementClient } from './management-server';

// Other programs start here, beside whatever else the machine does: patience is not what is tested.
jest.setTimeout(300_000);

const HOSTILE = `<img src=x onerror="window.hacked=1"> "'&amp; \u202Egnp.exe`;

(browserIsThere('the console') ? describe : describe.skip)('the console in a real browser', () => {
  let database: TestDatabase;
  let folder: string;
  let keystone: FakeKeystone;
  let gateway: RunningGateway;
  let backend: TableBackend & { close(): Promise<void> };
  let browser: Browser;
  /** A second try has a project of its own. */
  let project: string;
  let token: string;
  let client: ManagementClient;
  let opened: ConsolePage;

  const issue = (role: string): string => keystone.issue({ userId: 'u', projectId: project, roles: [role] });
  const newTable = (items: number, name?: string): Promise<string> => makeTable(backend, items, name, project);

  beforeAll(async () => {
    keystone = await FakeKeystone.start();
    database = await createTestDatabase();
    folder = await mkdtemp(join(tmpdir(), 'console-'));
    const { username, password, projectName } = FakeKeystone.SERVICE;
    gateway = await startGateway(
      Object.assign(new GatewaySettings(), {
        port: 0,
        dataDir: folder,
        databaseUrl: database.url,
        keystoneUrl: `${keystone.url}/v3`,
        keystoneUsername: username,
        keystonePassword: password,
        keystoneProject: projectName,
        keystoneCacheSeconds: 2,
        logLevel: 'silent',
        rangeBytes: 64 * 1024,
        chunkBytes: 8 * 1024,
      }),
    );
    backend = await createPostgresTableBackend({ connectionString: database.url });
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.stop();
    await backend?.close();
    await keystone.stop();
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    const tries = beginTry();
    project = tries === 1 ? 'demo' : `demo_${tries}`;
    token = issue('member');
    client = new ManagementClient(gateway.url, 'deployed', token, project);
    opened = await ConsolePage.open(browser, gateway.url);
  });
  afterEach(async () => {
    expect({ complaints: opened.complaints, outside: opened.outside() }).toEqual({ complaints: [], outside: [] });
    await opened.close();
  });

  const signIn = async (): Promise<void> => {
    await opened.signIn(token, project);
    await opened.live();
  };

  it('lets a whole life be lived by keyboard alone: make, restore, verify, delete', async () => {
    const table = await newTable(12, 'forum.threads');
    await signIn();
    const { page } = opened;
    await opened.openDialog(`Back up ${table}`, 'Name of the backup');
    await opened.type('before the upgrade');
    await page.keyboard.press('Enter');
    await opened.told('The backup “before the upgrade” of forum.threads is made.');
    await opened.closed();
    await opened.expectFocus(`Back up ${table}`);

    await opened.go('Backups');
    await opened.openDialog('Restore before the upgrade', 'Restore onto the table');
    await opened.type('forum.copy');
    await page.getByText('A new table is made').waitFor();
    await opened.press('Restore');
    await opened.told('The table forum.copy is restored.');
    await opened.closed();
    expect((await backend.describeTable({ projectId: project, name: 'forum.copy' })).itemCount).toBe(12);

    await opened.press('Verify before the upgrade');
    await opened.told('is whole.');
    await opened.openDialog('Delete before the upgrade', `Type ${table} to confirm`);
    const remove = page.getByRole('button', { name: 'Delete backup' });
    await untilEqual(() => remove.isDisabled(), true);
    await opened.type('forum.thread');
    await untilEqual(() => page.getByLabel(`Type ${table} to confirm`).inputValue(), 'forum.thread');
    expect(await remove.isDisabled()).toBe(true);
    await page.keyboard.press('Enter');
    await page.keyboard.type('s');
    await opened.tabTo('Delete backup');
    await page.keyboard.press('Enter');
    await opened.told('The backup “before the upgrade” of forum.threads is deleted.');
    await page.getByText('No backups here.').waitFor();
  });

  it('closes a dialog with Esc, does nothing, and gives the focus back', async () => {
    const table = await newTable(2);
    await client.madeBackup(table, 'to stay');
    await signIn();
    await opened.go('Backups');
    await opened.openDialog('Delete to stay', `Type ${table} to confirm`);
    await opened.type(table);
    await opened.escape();
    await opened.expectFocus(`Delete to stay of ${table}`);
    const { backups } = await expectStatus(client.get(`${client.table(table)}/backups`), 200);
    expect(backups).toMatchObject([{ status: 'CREATED' }]);
  });

  it('takes what is typed from the moment a dialog was asked for, however late the service says what it offers', async () => {
    const table = await newTable(2, 'typed.at.once');
    await signIn();
    const { page } = opened;
    const answered = new Promise<void>((answer) => {
      void page.route('**/openapi.json', async (route) => {
        await page.locator('dialog').waitFor();
        const compression = { enum: ['zstd', 'brotli'] };
        const strategy = { properties: { format: { enum: ['native', 'db-agnostic'] }, compression } };
        await route.fulfill({ json: { components: { schemas: { CreateBackup: { properties: { strategy } } } } } });
        answer();
      });
    });
    await opened.tabTo(`Back up ${table}`);
    await page.keyboard.press('Enter');
    await page.keyboard.type('typed at once');
    await untilEqual(() => page.getByLabel('Name of the backup').inputValue(), 'typed at once');
    await answered;
    const offered = (label: string): Promise<string[]> => page.getByLabel(label).locator('option').allTextContents();
    await untilEqual(() => offered('Compression'), ['zstd (recommended)', 'brotli']);
    expect(await page.getByLabel('Format').inputValue()).toBe('db-agnostic');
    await page.keyboard.press('Enter');
    await opened.told('The backup “typed at once” of typed.at.once is made.');
  });

  it('shows progress that moves, read as a stream, and lets a job be paused, resumed and cancelled', async () => {
    const table = await newTable(20_000, 'measurements');
    await signIn();
    await opened.go('Jobs');
    await opened.page.getByText('Nothing runs at the moment.').waitFor();
    const asked = await expectStatus(client.createBackup(table, 'slow'), 202);
    const path = `${client.table(table)}/backups/${String(asked['backup_id'])}`;
    await expectStatus(client.send('PATCH', path, { rate_limit: { items_per_second: 400 } }), 200);
    const { page } = opened;
    const bar = page.getByRole('progressbar', { name: 'Backup “slow” of measurements' });
    const values = new Set<number>();
    await until(async () => {
      values.add(Number(await bar.getAttribute('value')));
      return [...values].filter((value) => value > 0).length >= 3;
    });
    expect([...values]).toEqual([...values].sort((a, b) => a - b));
    await until(async () => / of [\d,]+ items · .* items\/s · about \d+ s left/.test((await page.locator('.job-details').textContent()) ?? ''));
    // One stream for all of it: the page asks nothing again and again.
    expect(opened.requests.filter((request) => request.url().endsWith('/jobs/watch')).length).toBe(1);
    expect(opened.requests.filter((request) => request.url().includes('/backups?')).length).toBeLessThan(5);
    await opened.shot('jobs-running');

    await opened.press('Pause: Backup');
    await page.getByText('Paused').waitFor();
    await until(async () => (await expectStatus(client.get(path), 200))['paused'] === true);
    await opened.press('Resume: Backup');
    await until(async () => (await expectStatus(client.get(path), 200))['paused'] === undefined);
    await opened.press('Cancel: Backup');
    await page.locator('dialog').waitFor();
    await opened.press('Cancel backup');
    await opened.told('The backup “slow” of measurements is deleted.');
    await client.gone(() => client.get(path));
  });

  it('shows what a restore would do, and does not let a conflict be passed over', async () => {
    const table = await newTable(5, 'orders');
    await client.madeBackup(table, 'nightly');
    await signIn();
    const { page } = opened;
    await opened.go('Backups');
    await opened.openDialog('Restore nightly of orders', 'Restore onto the table');
    await page.getByText('ConflictError').waitFor();
    const restore = page.getByRole('button', { name: 'Restore', exact: true });
    expect(await restore.isDisabled()).toBe(true);
    await opened.shot('restore-conflict');
    await page.getByLabel('If this table is there').selectOption('replace');
    await page.getByText('The table is replaced').waitFor();
    await page.getByLabel('Type orders to confirm').waitFor();
    expect(await restore.isDisabled()).toBe(true);
    await page.getByLabel('Type orders to confirm').fill('orders');
    await untilEqual(() => restore.isEnabled(), true);
    await opened.shot('restore-replace');
    // Another table: what was confirmed is confirmed no more.
    await page.getByLabel('Restore onto the table').fill('orders_copy');
    await page.getByText('A new table is made').waitFor();
    await untilEqual(() => page.getByLabel('Type orders to confirm').count(), 0);
    await restore.click();
    await opened.told('The table orders_copy is restored.');
  });

  it('shows errors in the service’s words, with the id of the request: 403, 404, 423', async () => {
    const table = await newTable(2, 'locked.table');
    const backup = await client.madeBackup(table, 'of locked');
    await opened.signIn(issue('reader'), project);
    await opened.live();
    const { page } = opened;
    await opened.openDialog(`Back up ${table}`, 'Name of the backup');
    await page.getByRole('button', { name: 'Make backup' }).click();
    const error = page.locator('dialog .error');
    await error.getByText('"backup:create"').waitFor();
    expect(await error.textContent()).toMatch(/403 Forbidden · request req-[0-9a-f-]{36}/);
    await opened.escape();
    await opened.press('Sign out');

    await signIn();
    await expectStatus(client.deleteBackup(table, backup['backup_id']), 200);
    await client.gone(() => client.backup(table, backup['backup_id']));
    await backend.lock({ projectId: project, name: table }, { owner: 'somebody', seconds: 600 });
    try {
      await opened.openDialog(`Back up ${table}`, 'Name of the backup');
      await page.getByLabel('Format').selectOption('native');
      await page.getByRole('button', { name: 'Make backup' }).click();
      await error.getByText('423 TableLocked').waitFor();
      expect(await error.textContent()).toMatch(/Locked.*Try again in \d+ s/);
      await opened.shot('error-423');
      await opened.escape();
    } finally {
      await backend.unlock({ projectId: project, name: table }, 'somebody');
    }
  });

  it('reads nothing that comes from the service as HTML', async () => {
    const table = await newTable(1, 'hostile');
    await client.madeBackup(table, HOSTILE);
    await signIn();
    const { page } = opened;
    await opened.go('Backups');
    await page.getByText('<img src=x onerror=').waitFor();
    for (const action of [HOSTILE, `Restore ${HOSTILE}`, `Delete ${HOSTILE}`]) {
      await opened.press(action.slice(0, 30));
      await page.locator('dialog').getByText('<img src=x').first().waitFor();
      await opened.escape();
    }
    await opened.press(`Verify ${HOSTILE}`.slice(0, 30));
    await opened.told('<img src=x');
    expect(await page.locator('main img, dialog img').count()).toBe(0);
    expect(await page.evaluate('window.hacked')).toBeUndefined();
  });

  it('keeps the token in memory only, and forgets it when the page is left', async () => {
    await signIn();
    const { page } = opened;
    const places = await page.evaluate<string>(`(async () => JSON.stringify({
      html: document.documentElement.outerHTML,
      fields: [...document.querySelectorAll('input')].map((input) => input.value),
      address: location.href,
      history: history.state,
      cookie: document.cookie,
      local: { ...localStorage },
      session: { ...sessionStorage },
      databases: await indexedDB.databases(),
      caches: typeof caches === 'undefined' ? [] : await caches.keys(),
      globals: Object.keys(window).map((key) => { try { return JSON.stringify(window[key]); } catch { return ''; } }),
    }))()`);
    expect(places).toContain('Sign out');
    expect(places).not.toContain(token);
    expect(opened.requests.some((request) => request.url().includes(token))).toBe(false);
    expect(await page.context().cookies()).toEqual([]);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByLabel('Token').inputValue()).toBe('');
    // What the address says is no secret.
    await untilEqual(() => page.getByLabel('Project').inputValue(), project);

    await signIn();
    await page.goto(`${gateway.url}/healthcheck`);
    await page.goBack();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.getByLabel('Token').inputValue()).toBe('');
  });

  it('says so when the token has ended, shows nothing more, and takes another', async () => {
    const table = await newTable(1);
    const { page } = opened;
    const row = page.getByRole('rowheader', { name: table });
    const ended = page.locator('#sign-in-error').getByText('401 Unauthorized');
    const revoked = issue('member');
    await opened.signIn(revoked, project);
    await row.waitFor();
    keystone.revoke(revoked);
    await ended.waitFor();
    expect(await page.locator('#signed-in').isVisible()).toBe(false);
    expect(await page.locator('body').textContent()).not.toContain(table);
    await signIn();
    await row.waitFor();
  });

  it('takes no wrong token, and says why', async () => {
    await opened.signIn('wrong', project);
    await opened.page.locator('#sign-in-error').getByText('401 Unauthorized').waitFor();
    expect(await opened.page.locator('#signed-in').isVisible()).toBe(false);
  });

  it('describes the tables that are seen, however many there are, and finds each by its name', async () => {
    for (let index = 100; index < 140; index += 1) await newTable(0, `many_${index}`);
    await signIn();
    const { page } = opened;
    const described = (): number => opened.requests.filter((request) => /\/tables\/[^/?]+$/.test(request.url())).length;
    await page.getByRole('rowheader').nth(24).waitFor();
    await until(async () => (await page.locator('#tables-rows td.number').allTextContents()).every((text) => text !== '…'));
    expect(described()).toBeLessThanOrEqual(25);
    await opened.shot('tables-many');
    await page.getByLabel('Filter by name').first().fill('MANY_139');
    await untilEqual(() => page.getByRole('rowheader').allTextContents(), ['many_139']);
    await page.getByRole('cell', { name: 'Active' }).waitFor();
    expect(described()).toBeLessThanOrEqual(26);
    await page.getByLabel('Filter by name').first().fill('no such table');
    await page.getByText('No table has such a name.').waitFor();
    await page.getByLabel('Filter by name').first().fill('');
    await opened.press('Next page of tables');
    await until(async () => /^26–\d+ of /.test((await page.locator('#tables-pager').textContent()) ?? ''));
  });

  it('reads on when the stream breaks', async () => {
    const { page } = opened;
    let broken = 0;
    await page.route('**/jobs/watch', async (route) => {
      broken += 1;
      if (broken <= 1) await route.abort('connectionreset');
      else await route.continue();
    });
    await signIn();
    expect(broken).toBe(2);
    const table = await newTable(1, 'after.break');
    await client.madeBackup(table, 'unseen before');
    await opened.told('The backup “unseen before” of after.break is made.');
  });

  it('names every control, and every view, for those who do not see them', async () => {
    await signIn();
    const { page } = opened;
    for (const view of ['Tables', 'Backups', 'Jobs']) {
      await page.getByRole('link', { name: view, exact: true }).click();
      await page.getByRole('heading', { name: view, level: 1 }).waitFor();
      await opened.expectFocus(view);
      expect(await page.title()).toContain(view);
      const nameless = await page.evaluate<string[]>(`[...document.querySelectorAll('button, a, input, select, progress, table')]
        .filter((each) => each.checkVisibility())
        .filter((each) => !(each.getAttribute('aria-label') || each.getAttribute('aria-labelledby') || each.labels?.length || each.textContent.trim()))
        .map((each) => each.outerHTML)`);
      expect(nameless).toEqual([]);
      const ids = await page.evaluate<string[]>(`[...document.querySelectorAll('[id]')].map((each) => each.id)`);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });

  const screens = [
    ['desktop', 1280, 900, 'dark'],
    ['phone', 360, 740, 'light'],
    // The same pages in the other colours, to be looked at.
    ...(process.env.SCREENSHOTS === undefined ? [] : ([['desktop', 1280, 900, 'light'], ['phone', 360, 740, 'dark']] as const)),
  ] as const;
  describe.each(screens)('on a %s', (device, width, height, colorScheme) => {
    it(`is not wider than the screen, in ${colorScheme} colours`, async () => {
      const wide = `wide.${'table_of_a_very_long_name'.repeat(6)}.${device}_${colorScheme}`;
      for (const number of [1, 2, 3, 4]) await newTable(3, `${wide}_${number}`);
      await client.madeBackup(`${wide}_1`);
      await opened.close();
      opened = await ConsolePage.open(browser, gateway.url, { viewport: { width, height }, colorScheme });
      const { page } = opened;
      const fits = async (name: string): Promise<void> => {
        await opened.shot(`${device}-${colorScheme}-${name}`);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      };
      await fits('sign-in');
      await signIn();
      await page.getByRole('rowheader').first().waitFor();
      await until(async () => (await page.getByRole('cell', { name: 'Active' }).count()) > 3);
      await fits('tables');
      await page.getByRole('link', { name: 'Backups', exact: true }).click();
      await page.getByRole('rowheader').first().waitFor();
      await fits('backups');
      await page.getByRole('button', { name: /^Delete/ }).first().click();
      await page.getByRole('button', { name: 'Delete backup' }).waitFor();
      await fits('delete');
      await opened.escape();
      await page.getByRole('rowheader').getByRole('button').first().click();
      await page.locator('dialog .facts').waitFor();
      await fits('details');
      await opened.escape();
      await page.getByRole('button', { name: /^Restore/ }).first().click();
      await page.locator('dialog .plan dl, dialog .plan .error').first().waitFor();
      await fits('restore');
      await opened.escape();
      await page.getByRole('link', { name: 'Jobs', exact: true }).click();
      await page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor();
      await fits('jobs');
    });
  });
});

