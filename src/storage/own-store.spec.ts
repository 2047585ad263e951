import { parseLocationUrl } from '../kernel';
import { OwnStore } from './own-store';

const at = (url: string) => parseLocationUrl(url, 'url');

describe('the own store', () => {
  it.each([
    ['file:///srv/objects', 'file:///srv/objects/demo'],
    ['s3://bucket/prefix?endpoint=https%3A%2F%2Fs3.example', 's3://bucket/prefix/demo?endpoint=https%3A%2F%2Fs3.example'],
    ['swift+https://swift.example/v1/AUTH_x/backups', 'swift+https://swift.example/v1/AUTH_x/backups/demo'],
    ['swift+https://swift.example/v1/AUTH_x/backups-{project}', 'swift+https://swift.example/v1/AUTH_x/backups-demo'],
    ['swift+https://swift.example/v1/AUTH_{project}/backups/of/magnetodb', 'swift+https://swift.example/v1/AUTH_demo/backups/of/magnetodb'],
    ['swift+https://swift.example/v1/AUTH_{project}/all/{project}', 'swift+https://swift.example/v1/AUTH_demo/all/demo'],
  ])('%s has a place for a project, and tells of it whose it is', (url, expected) => {
    const own = new OwnStore(url);
    const place = own.placeOf('demo');
    expect(place.href).toBe(expected);
    expect(own.find(place)).toEqual({ folder: 'demo', below: [] });
    expect(own.find(own.placeOf('_c3a9'))).toEqual({ folder: '_c3a9', below: [] });
    const [path = '', query] = expected.split('?');
    const deep = at(`${path}/backup/chunks${query === undefined ? '' : `?${query}`}`);
    expect(own.find(deep)).toEqual({ folder: 'demo', below: ['backup', 'chunks'] });
    expect([own.holds(deep), own.overlaps(deep)]).toEqual([true, true]);
  });

  it.each([
    ['swift+https://swift.example/v1/AUTH_x/backups-{project}', 'swift+https://swift.example/v1/AUTH_x/others-demo'],
    ['swift+https://swift.example/v1/AUTH_x/backups-{project}', 'swift+https://swift.example/v1/AUTH_y/backups-demo'],
    ['swift+https://swift.example/v1/AUTH_x/backups-{project}', 'swift+https://other.example/v1/AUTH_x/backups-demo'],
    ['swift+https://swift.example/v1/AUTH_x/backups-{project}', 'swift+https://swift.example/v1/AUTH_x/backups-'],
    ['swift+https://swift.example/v1/AUTH_{project}/backups', 'swift+https://swift.example/v1/AUTH_demo/other'],
    ['s3://bucket/prefix?endpoint=https%3A%2F%2Fs3.example', 's3://bucket/prefix/demo'],
    ['file:///srv/objects', 'file:///srv/objects2/demo'],
  ])('%s has nothing to do with %s', (url, other) => {
    const own = new OwnStore(url);
    expect([own.find(at(other)), own.holds(at(other)), own.overlaps(at(other))]).toEqual([undefined, false, false]);
  });

  it('names one project or none', () => {
    const own = new OwnStore('swift+https://swift.example/v1/AUTH_{project}/all/{project}');
    const mixed = at('swift+https://swift.example/v1/AUTH_demo/all/other');
    expect(own.find(mixed)).toBeUndefined();
    expect(own.holds(mixed)).toBe(true);
  });

  it('is not reached into by what lies around it, or beside its projects', () => {
    const own = new OwnStore('file:///srv/objects');
    for (const [url, holds] of [['file:///srv', false], ['file:///', false], ['file:///srv/objects', true], ['file:///srv/objects/No%20Project', true]] as const) {
      expect([own.find(at(url)), own.holds(at(url)), own.overlaps(at(url))]).toEqual([undefined, holds, true]);
    }
    const deep = new OwnStore('swift+https://swift.example/v1/AUTH_{project}/backups/deep');
    expect([deep.holds(at('swift+https://swift.example/v1/AUTH_demo/backups')), deep.overlaps(at('swift+https://swift.example/v1/AUTH_demo/backups'))]).toEqual([false, true]);
  });

  it.each(['https://{project}.example/a', 's3://bucket/{project}{project}', 's3://bucket?endpoint=https%3A%2F%2F{project}.example', 'nonsense'])('is refused: %s', (url) => {
    expect(() => new OwnStore(url)).toThrow(expect.objectContaining({ code: 'ValidationError' }));
  });
});
