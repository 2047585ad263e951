import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { until } from '../../../test/setup/until';
import { Policy } from './policy';
import { PolicyFileWatch } from './policy-file-watch';

const MEMBER = { userId: 'u', projectId: 'demo', roles: ['member'], systemScoped: false, expiresAt: undefined };

describe('the policy file, while the process runs', () => {
  let folder: string;
  let path: string;
  const said: string[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'policy-file-'));
    path = join(folder, 'policy.json');
    said.splice(0);
    for (const level of ['log', 'warn'] as const) {
      jest.spyOn(Logger.prototype, level).mockImplementation((...words: unknown[]) => void said.push(`${level}: ${String(words[0])}`));
    }
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await rm(folder, { recursive: true, force: true });
  });

  it('is read again when it changes, and a broken one changes nothing', async () => {
    await writeFile(path, '{}');
    const policy = Policy.fromFile(path);
    const watch = new PolicyFileWatch(path, policy, 20);
    watch.onApplicationBootstrap();
    const allowed = (): boolean => policy.allows('backup:create', MEMBER);
    try {
      expect(allowed()).toBe(true);
      await writeFile(path, '{"backup:create": "role:admin"}');
      await until(() => !allowed());
      for (const broken of ['{"backup:create": ', '{"backup:create": "", "backup:craete": ""}', '{"backup:create": "rule:nobody"}']) {
        const before = said.length;
        await writeFile(path, broken);
        await until(() => said.length > before);
        expect(said.at(-1)).toMatch(/^warn: .*not taken over: Policy: /);
        expect(allowed()).toBe(false);
        expect(policy.allows('backup:list', MEMBER)).toBe(true);
      }
      const before = said.length;
      await rm(path);
      await until(() => said.length > before);
      expect(allowed()).toBe(false);
      await writeFile(path, '{"backup:create": "role:member"}');
      await until(allowed);
      expect(said.at(-1)).toMatch(/^log: .*in force/);
    } finally {
      watch.onApplicationShutdown();
    }
  });

  it('is not judged while it is being written', async () => {
    await writeFile(path, '{}');
    const watch = new PolicyFileWatch(path, Policy.fromFile(path), 60_000);
    for (const text of ['{}', '{}', '', '{"backup:cre', '{"backup:create": "role:admin"}']) {
      await writeFile(path, text);
      await watch.look();
    }
    expect(said).toEqual([]);
    await watch.look();
    expect(said).toEqual([expect.stringMatching(/^log: .*in force/)]);
  });
});
