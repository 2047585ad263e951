import { DomainError } from '../../kernel';
import { parseBackupChange, parseBackupList, parseCreateBackup, parseDeleteBackup, parseJobChange } from './backup-requests';
import { deployedDialect, specDialect } from './dialect';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof DomainError && error.code === 'ValidationError') return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('parseCreateBackup', () => {
  it('reads each dialect with its own key, and passes the strategy on', () => {
    const strategy = { name: 'default' };
    expect(parseCreateBackup({ name: 'a', strategy, client_request_token: 't-1' }, specDialect)).toEqual({
      name: 'a',
      strategy,
      deleteProtection: false,
      clientRequestToken: 't-1',
    });
    expect(parseCreateBackup({ backup_name: 'a' }, deployedDialect)).toEqual({
      name: 'a',
      strategy: undefined,
      deleteProtection: false,
      clientRequestToken: undefined,
    });
  });

  it('names every unknown key, the other dialect’s among them', () => {
    expect(refusal(() => parseCreateBackup({ backup_name: 'a', foo: 1 }, specDialect))).toMatch(/"backup_name", "foo"/);
    expect(refusal(() => parseCreateBackup({ name: 'a' }, deployedDialect))).toMatch(/"name"/);
    expect(refusal(() => parseCreateBackup(JSON.parse('{"name":"a","__proto__":{"x":1}}'), specDialect))).toMatch(
      /"__proto__"/,
    );
  });

  it.each([[undefined], [null], ['a'], [[]], [7]])('refuses the body %p', (body) => {
    expect(refusal(() => parseCreateBackup(body, specDialect))).toMatch(/JSON object/);
  });

  it.each([['a'], ['é'.repeat(255)], ['😀'.repeat(255)], ['a/b "c" \u200d\u2028']])('takes the name %p', (name) => {
    expect(parseCreateBackup({ name }, specDialect).name).toBe(name);
  });

  it.each([
    [''],
    ['a'.repeat(256)],
    ['😀'.repeat(256)],
    ['a\u0000b'],
    ['a\nb'],
    ['a\u007f'],
    ['\u0085'],
    ['a\ud800b'],
    [7],
    [null],
    [['a']],
  ])('refuses the name %p', (name) => {
    expect(refusal(() => parseCreateBackup({ name }, specDialect))).toMatch(/"name"/);
  });

  it('requires a name', () => {
    expect(refusal(() => parseCreateBackup({}, deployedDialect))).toBe('"backup_name" is required.');
  });

  it.each([['t'], ['a b'], ['x'.repeat(64)], ['é😀']])('takes the request token %p', (token) => {
    expect(parseCreateBackup({ name: 'a', client_request_token: token }, specDialect).clientRequestToken).toBe(token);
  });

  it.each([[''], ['x'.repeat(65)], ['a\tb'], ['\u200b'], ['\u2028'], ['\udc00'], [1], [null]])(
    'refuses the request token %p',
    (token) => {
      expect(refusal(() => parseCreateBackup({ name: 'a', client_request_token: token }, specDialect))).toMatch(
        /"client_request_token"/,
      );
    },
  );
});

describe('parseJobChange', () => {
  it.each([
    [{ paused: true }, { paused: true }],
    [{ rate_limit: null }, { rateLimit: null }],
    [
      { rate_limit: { bytes_per_second: 1 }, paused: false },
      { rateLimit: { bytesPerSecond: 1 }, paused: false },
    ],
    [
      { rate_limit: { bytes_per_second: 5, items_per_second: 7 } },
      { rateLimit: { bytesPerSecond: 5, itemsPerSecond: 7 } },
    ],
  ])('reads %j', (body, change) => {
    expect(parseJobChange(body)).toEqual(change);
  });

  it.each([
    [{}],
    [{ paused: 'true' }],
    [{ paused: null }],
    [{ rate_limit: {} }],
    [{ rate_limit: 7 }],
    [{ rate_limit: { bytes_per_second: 0 } }],
    [{ rate_limit: { items_per_second: 1.5 } }],
    [{ rate_limit: { items_per_second: '5' } }],
    [{ rate_limit: { items_per_second: null } }],
    [{ rate_limit: { items_per_second: 2 ** 53 } }],
    [{ rate_limit: { foo: 1 } }],
    // A restore sends as much as the table's backend answers soon.
    [{ rate_limit: { requests_in_flight: 1 } }],
    [{ status: 'CREATED' }],
    [[]],
  ])('refuses %j', (body) => {
    expect(refusal(() => parseJobChange(body))).not.toBe('');
  });
});

describe('parseBackupChange', () => {
  it('reads how many requests may be on their way, too', () => {
    const limit = { rate_limit: { requests_in_flight: 3, bytes_per_second: 5 } };
    expect(parseBackupChange(limit)).toEqual({ job: { rateLimit: { requestsInFlight: 3, bytesPerSecond: 5 } }, deleteProtection: undefined });
    expect(parseBackupChange({ rate_limit: { requests_in_flight: 1 } }).job).toEqual({ rateLimit: { requestsInFlight: 1 } });
  });

  it.each([0, 1.5, '1', null, 2 ** 53])('refuses %j requests', (requests) => {
    expect(refusal(() => parseBackupChange({ rate_limit: { requests_in_flight: requests } }))).toMatch(/"requests_in_flight"/);
  });
});

describe('the parameters of lists and deletions', () => {
  const id = '01890a5d-ac96-774b-bcce-b302099a8057';

  it('has defaults', () => {
    expect(parseBackupList({})).toEqual({ limit: 100, after: undefined, status: undefined, name: undefined });
    expect(parseDeleteBackup({})).toEqual({ purge: false, forget: false, cascade: false });
  });

  it('reads all, an id in either spelling', () => {
    const query = {
      limit: '1000',
      exclusive_start_backup_id: id.replaceAll('-', '').toUpperCase(),
      status: 'CREATE_FAILED',
      name: 'x y',
    };
    expect(parseBackupList(query)).toEqual({ limit: 1000, after: id, status: 'CREATE_FAILED', name: 'x y' });
    expect(parseDeleteBackup({ purge: 'true', cascade: 'false' })).toEqual({ purge: true, forget: false, cascade: false });
  });

  it.each([
    [{ limit: '0' }, 'limit'],
    [{ limit: '1001' }, 'limit'],
    [{ limit: '1e2' }, 'limit'],
    [{ limit: '' }, 'limit'],
    [{ limit: ['1', '2'] }, 'limit'],
    [{ status: 'created' }, 'status'],
    [{ status: 'RESTORED' }, 'status'],
    [{ exclusive_start_backup_id: 'x' }, 'exclusive_start_backup_id'],
    [{ exclusive_start_restore_job_id: id }, 'exclusive_start_restore_job_id'],
    [{ name: '' }, 'name'],
    [{ offset: '1' }, 'offset'],
  ])('refuses %j, naming it', (query, named) => {
    expect(refusal(() => parseBackupList(query))).toContain(`"${named}"`);
  });

  it.each([[{ purge: '1' }], [{ purge: '' }], [{ cascade: 'TRUE' }], [{ force: 'true' }]])(
    'refuses to delete with %j',
    (query) => {
      expect(refusal(() => parseDeleteBackup(query))).not.toBe('');
    },
  );
});
