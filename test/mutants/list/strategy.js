const rows = require('../rows');

const TEST = 'src/strategy/strategy.spec.ts';

module.exports = [
  ...rows('src/strategy/json-reader.ts', TEST, [
    ['unknown-strategy-keys', 'unknown keys of a strategy are refused', 'if (!keys?.includes(key)) throw', "if (key === '') throw", 'resolveStrategy refuses'],
    ['null-as-absent', 'null is no absence', 'if (found === undefined)\n', 'if (found === undefined && value !== null)\n', 'resolveStrategy refuses'],
    ['long-echo', 'messages repeat little', 'characters.length > ECHO_LENGTH ?', 'characters.length > 9_999 ?', 'resolveStrategy refuses'],
  ]),
  ...rows('src/strategy/parts.ts', TEST, [
    ['silent-full', 'an incremental backup is never silently a full one', "if (parts.type === 'incremental' && !capabilities.incremental) throw missing('type', 'incremental backups are');", '', 'never falls back'],
    ['silent-portable', 'a native backup is never silently a portable one', "if (parts.format === 'native' && !capabilities.native) throw missing('format', 'native backups are');", '', 'never falls back'],
    ['silent-plaintext', 'an encrypted backup is never silently a plain one', "if (parts.encryption && !capabilities.encryption) throw missing('encryption', 'encryption is');", '', 'never falls back'],
    ['internal-with-url', 'an internal location names no place', "if (stray !== undefined) throw location.wrong(stray, 'belongs only to an external location');", '', 'resolveStrategy refuses'],
    ['credentials-for-a-folder', 'a folder takes no credentials', "if (credentials && url.kind === 'file') throw", "if (credentials && url.href === '') throw", 'resolveStrategy refuses'],
    ['key-and-passphrase', 'a key or a passphrase, not both', 'if ((keyId === undefined) === (passphrase === undefined))', 'if (keyId === undefined && passphrase === undefined)', 'resolveStrategy refuses'],
    ['location-url-of-any-length', 'location URLs are bounded', 'if (url.href.length > maxLength)', 'if (url.href.length < 0)', 'resolveStrategy refuses'],
  ]),
  ...rows('src/strategy/resolve.ts', TEST, [
    ['unknown-strategy-name', 'an unknown strategy name is refused', 'if (name !== undefined && !config.strategies.has(name))', "if (name === '')", 'resolveStrategy refuses'],
    ['base-of-a-full-backup', 'a full backup has no base', "if (parts.baseBackupId !== undefined && parts.type !== 'incremental') {", "if (parts.baseBackupId === '') {", 'resolveStrategy refuses'],
    ['named-strategy-ignored', 'a named strategy counts', 'asked.compression ?? named.compression ?? ', 'asked.compression ?? ', 'build upon the default'],
    ['request-overridden', 'the request overrides the named strategy', 'asked.location ?? named.location ?? ', 'named.location ?? asked.location ?? ', 'never lend their credentials'],
  ]),
  ...rows('src/strategy/strategy.ts', TEST, [
    ['credentials-shown', 'no credential is shown', '.map((key) => [key, REDACTED])', ".map((key) => [key, credentials.get(key)?.reveal() ?? ''])", 'no secret is shown'],
    ['passphrase-shown', 'no passphrase is shown', 'shown.encryption = { passphrase: REDACTED };', 'shown.encryption = { passphrase: encryption.passphrase.reveal() };', 'no secret is shown'],
  ]),
  ...rows('src/strategy/source.ts', TEST, [
    ['restore-strategy-keys', 'a restore’s strategy holds what a restore needs', "['name', 'location', 'encryption']", "['name', 'location', 'encryption', 'compression']", 'refuses what a restore has no use for'],
    ['source-keys', 'unknown keys of a source are refused', "['url', 'endpoint', 'credentials']), MAX_LOCATION_URL_LENGTH", "['url', 'endpoint', 'credentials', 'key']), MAX_LOCATION_URL_LENGTH", 'parseSource refuses'],
  ]),
];
