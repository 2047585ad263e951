import { Browser, BrowserContextOptions, Page, Request } from 'playwright-core';
import { untilEqual } from '../setup/until';

const PATIENCE_MILLIS = 90_000;

/** The console in a tab of its own, with everything noted that must not happen in it. */
export class ConsolePage {
  readonly requests: Request[] = [];
  /** Errors of scripts, violations of the content security policy. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly server: string,
  ) {}

  static async open(browser: Browser, server: string, options: BrowserContextOptions = {}): Promise<ConsolePage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(90_000);
    const opened = new ConsolePage(page, server);
    page.on('request', (request) => opened.requests.push(request));
    page.on('pageerror', (error) => opened.complaints.push(error.message));
    page.on('console', (message) => {
      // Answers of 4xx, which tests ask for, are told there, too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) opened.complaints.push(message.text());
    });
    await page.exposeFunction('noteViolation', (text: string) => opened.complaints.push(text));
    await page.addInitScript(
      `addEventListener('securitypolicyviolation', (event) => noteViolation(event.violatedDirective + ' ' + event.blockedURI));`,
    );
    await page.goto(`${server}/console`);
    return opened;
  }

  /** Requests to other hosts than the gateway. */
  outside(): string[] {
    return this.requests.map((request) => request.url()).filter((url) => !url.startsWith(this.server) && !url.startsWith('data:'));
  }

  /** Signs in with the keyboard. */
  async signIn(token: string, project: string): Promise<void> {
    await this.page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await this.page.getByLabel('Project').focus();
    await this.type(project);
    await this.page.keyboard.press('Tab');
    await this.expectFocus('Token');
    await this.type(token);
    await this.page.keyboard.press('Enter');
  }

  /** Replaces what is in the field that has the focus. */
  async type(text: string): Promise<void> {
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.type(text);
  }

  /** What has the focus, as a screen reader would name it. */
  focused(): Promise<string> {
    return this.page.evaluate<string>(`(() => {
      const { activeElement: element } = document;
      const named = element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent;
      return named.trim().split('\\n')[0];
    })()`);
  }

  /** Waits for the focus to be there: what a key did to the page may be seen a moment later. */
  expectFocus(name: string): Promise<void> {
    return untilEqual(() => this.focused(), name);
  }

  /** Goes on with Tab until the focus is on what is so named, as somebody without a mouse would. */
  async tabTo(name: string): Promise<void> {
    const passed = new Set<string>();
    // Round and round: what is to be pressed may not be there yet, or not enabled.
    for (const deadline = Date.now() + PATIENCE_MILLIS; Date.now() < deadline; ) {
      const focused = await this.focused();
      if (focused.startsWith(name)) return;
      passed.add(focused);
      await this.page.keyboard.press('Tab');
    }
    throw new Error(`Tab never comes to “${name}”: ${[...passed].slice(0, 60).join(' | ')}`);
  }

  /** Tab and Enter. */
  async press(name: string): Promise<void> {
    await this.tabTo(name);
    await this.page.keyboard.press('Enter');
  }

  /** Presses what opens a dialog, and waits until the focus is on its first field. */
  async openDialog(name: string, field: string): Promise<void> {
    await this.press(name);
    await this.page.locator('dialog').waitFor();
    await this.expectFocus(field);
  }

  /** Waits for the dialog to be gone; then the focus is back where it was. */
  async closed(): Promise<void> {
    await this.page.locator('dialog').waitFor({ state: 'detached' });
  }

  /** Closes the dialog with the keyboard. */
  async escape(): Promise<void> {
    await this.page.locator('dialog').waitFor();
    await this.page.keyboard.press('Escape');
    await this.closed();
  }

  /** Goes to a view, from wherever the focus is. */
  async go(view: 'Tables' | 'Backups' | 'Jobs'): Promise<void> {
    await this.press('Skip to content');
    await this.press(view);
    await this.page.getByRole('heading', { name: view, level: 1 }).waitFor();
    await this.expectFocus(view);
  }

  /** Waits for a message that passes by. */
  async told(text: string): Promise<void> {
    await this.page.locator('#messages .message').filter({ hasText: text }).first().waitFor();
  }

  async live(): Promise<void> {
    await this.page.locator('#who').waitFor();
    await untilEqual(() => this.page.locator('#live').textContent(), 'Live');
  }

  /** With SCREENSHOTS naming a folder: a picture to be looked at. */
  async shot(name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (folder !== undefined) await this.page.screenshot({ path: `${folder}/${name}.png` });
  }

  close(): Promise<void> {
    return this.page.context().close();
  }
}
