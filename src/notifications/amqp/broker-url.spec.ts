import { inspect } from 'node:util';
import { parseBrokers } from './broker-url';

const shown = (url: string): string[] =>
  parseBrokers(url).map(({ host, port, username, password, virtualHost, tls }) => `${username} ${password.reveal()} ${host} ${port} ${virtualHost} ${tls ? 'tls' : 'plain'}`);

describe('a transport_url', () => {
  it.each<[string, string[]]>([
    ['rabbit://openstack:secret@rabbit1:5673/', ['openstack secret rabbit1 5673 / plain']],
    ['rabbit://rabbit1', ['guest guest rabbit1 5672 / plain']],
    // As deployment tools write it: the virtual host "/".
    ['rabbit://a:b@h1:5672,a:b@h2:5672//', ['a b h1 5672 / plain', 'a b h2 5672 / plain']],
    ['rabbit://a:b@h1,h2:1,c:d@h3/cloud', ['a b h1 5672 cloud plain', 'a b h2 1 cloud plain', 'c d h3 5672 cloud plain']],
    ['rabbit://a:b@[::1]:5673,b:c@[fd00::2]/', ['a b ::1 5673 / plain', 'b c fd00::2 5672 / plain']],
    ['rabbit://a:b@h/?ssl=1', ['a b h 5671 / tls']],
    ['rabbit://a:b@h?ssl=True', ['a b h 5671 / tls']],
    ['amqps://a:b@h/', ['a b h 5671 / tls']],
    ['amqps://a:b@h/?ssl=false', ['a b h 5672 / plain']],
    ['amqp://u%40x:p%3A%2F%2C%25@h/my%2Fvhost', ['u@x p:/,% h 5672 my/vhost plain']],
    // oslo lets names hold an @, and passwords a colon.
    ['rabbit://user@domain:p:w@h/', ['user@domain p:w h 5672 / plain']],
    ['rabbit://a:@h/', ['a  h 5672 / plain']],
  ])('%s', (url, expected) => {
    expect(shown(url)).toEqual(expected);
  });

  it.each([
    ['http://a:s3cret@h/', /must be rabbit:\/\//],
    ['s3cret', /must be rabbit:\/\//],
    ['rabbit://a:s3cret@h/#x', /must be rabbit:\/\//],
    ['rabbit://a:s3cret@/', /each host must be/],
    ['rabbit://a:s3cret@h1,/', /each host must be/],
    ['rabbit://a:s3cret@h:0/', /each host must be/],
    ['rabbit://a:s3cret@h:65536/', /each host must be/],
    ['rabbit://a:s3cret@h:port/', /each host must be/],
    ['rabbit://a:s3cret@::1/', /each host must be/],
    ['rabbit://a:s3cret@[h]/', /each host must be/],
    ['rabbit://s3cret@h/', /without a name or password/],
    ['rabbit://:s3cret@h/', /without a name or password/],
    ['rabbit://a:s3cret%@h/', /write %25/],
    ['rabbit://a:s3cret@h/%zz', /write %25/],
    ['rabbit://a:s3cret@h/?ssl=perhaps', /ssl must be true or false/],
    ['rabbit://a:s3cret@h/?ssl=1&kombu_ssl=1', /unknown options: kombu_ssl$/],
  ])('%s is refused, without a word of its password', (url, message) => {
    expect(() => parseBrokers(url)).toThrow(message);
    expect(() => parseBrokers(url)).toThrow(/^(?!.*s3cret)/);
  });

  it('never shows its password', () => {
    const brokers = parseBrokers('rabbit://a:s3cret@h/');
    expect(inspect(brokers, { depth: 10 }) + JSON.stringify(brokers)).not.toContain('s3cret');
  });
});
