import { describeTokenValidatorContract } from '../../../test/contract/token-validator.contract';
import { StaticTokenValidator } from './static-token-validator';

describeTokenValidatorContract('development tokens', () => {
  const validator = new StaticTokenValidator(
    'demo-4711-Secret=demo:member;other=0815=Secret==other:admin, member;',
    'test',
  );
  return Promise.resolve({
    validator,
    demoMember: { token: 'demo-4711-Secret', projectId: 'demo', roles: ['member'] },
    otherAdmin: { token: 'other=0815=Secret=', projectId: 'other', roles: ['admin', 'member'] },
    cleanup: () => Promise.resolve(),
  });
});

describe('StaticTokenValidator', () => {
  it('is refused in production', () => {
    expect(() => new StaticTokenValidator('tokenA=demo:member', 'production')).toThrow('NODE_ENV=production');
  });

  it.each([
    '',
    ';',
    'SECRET',
    'SECRET=',
    'SECRET=demo',
    'SECRET=demo:',
    'SECRET=demo:a,,b',
    'SECRET=:member',
    '=demo:member',
    'SECRET=../x:member',
    'SECRET=demo:a:b',
    'SEC RET=demo:a',
    'ok=demo:a;;SECRET=demo:a',
    'SECRET=demo:a;SECRET=other:a',
  ])('refuses %p without repeating the token', (text) => {
    expect(() => new StaticTokenValidator(text, 'test')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('SECRET') }),
    );
  });
});
