import { existsSync } from 'node:fs';
import { Browser, chromium } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Is there a browser to try it in? With CI=true there must be one; else it is said what is skipped. */
export function browserIsThere(what: string): boolean {
  const installed = existsSync(CHROMIUM);
  if (!installed && process.env.CI === 'true') throw new Error(`${CHROMIUM} is not there, and with CI=true it must be`);
  if (!installed) process.stderr.write(`SKIPPED: ${what} is not tried in a browser, since there is no ${CHROMIUM}\n`);
  return installed;
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
}
