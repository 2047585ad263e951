import { DomainError } from '../../kernel';
import { identityCheck } from './health-checks';

const answering = (error: Error) => identityCheck({ validate: () => Promise.reject(error) });

describe('the check of who judges tokens', () => {
  it('takes a refusal for an answer', async () => {
    await expect(answering(new DomainError('Unauthorized', 'The token is not valid.')).check()).resolves.toBeUndefined();
  });

  it('says so if nobody answers', async () => {
    await expect(answering(new DomainError('ServiceUnavailable', 'away', { transient: true })).check()).rejects.toThrow('away');
  });
});
