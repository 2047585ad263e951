import { ApplicationConfig } from '@nestjs/core';
import { globalPrefixOf } from './global-prefix';

describe('globalPrefixOf', () => {
  it.each([
    ['api', '/api/v1/demo', '/api'],
    ['/api/', '/api/v1/demo', '/api'],
    ['a/b', '/a/b/v1/demo', '/a/b'],
    ['api', '/v1/demo', ''],
    ['api', '/apiary/v1/demo', ''],
    ['', '/v1/demo', ''],
  ])('prefix %p, path %p: %p', (prefix, path, found) => {
    const config = new ApplicationConfig();
    config.setGlobalPrefix(prefix);
    expect(globalPrefixOf(path, config)).toBe(found);
  });
});
