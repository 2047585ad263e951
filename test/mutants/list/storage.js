const rows = require('../rows');

module.exports = [
  ...rows('src/storage/filesystem/filesystem-object-store.ts', 'src/storage/filesystem/filesystem-object-store.spec.ts', [
    ['put-without-sync', 'an object lasts before its name appears', '          await file.sync();\n', '', 'syncs an object before its name'],
    ['put-leaves-a-part', 'a failed put leaves nothing', '        await this.discard(part);\n', '', 'no part is left|leaves no part'],
    ['link-out-of-the-store', 'no link leads out of the store', 'if (!isWithin(boundary, folder))', 'if (boundary === folder && name === folder)', 'a link out of the boundary, for every operation'],
    ['link-as-an-object', 'a link is no object', 'constants.O_NOFOLLOW | ', '', 'takes a link for no object'],
    ['pipe-as-an-object', 'a pipe holds nothing up', ' | constants.O_NONBLOCK', '', 'is not held up by a pipe'],
    ['empty-folders-left', 'a deletion leaves no folder', '      await this.removeEmpty(dirname(path));\n', '', 'leaves nothing once every object is deleted'],
    ['killed-puts-left', 'a killed put’s leftovers go', '      await fs.rm(partFolder(path), { recursive: true, force: true }).catch(ignoreOccupied);\n', '', 'goes with the delete of the name'],
  ]),
  ...rows('src/storage/filesystem/filesystem-object-store.ts', 'src/storage/object-stores.spec.ts', [
    ['put-of-another-size', 'an object has its announced size', 'if (total !== source.size || size !== source.size) throw wrongSize();', '', 'filesystem.*another size than announced'],
  ]),
  ...rows('src/storage/memory/memory-object-store.ts', 'src/storage/object-stores.spec.ts', [
    ['put-in-pieces', 'put is atomic', 'pieces.push(Buffer.from(chunk));', 'pieces.push(Buffer.from(chunk));\n            this.objects.set(name, Buffer.concat(pieces));', 'memory.*(only when its put is over|keeps nothing of a put)'],
    ['memory-range', 'a range ends where it was asked to', 'this.objects.get(name)?.subarray(start, end)', 'this.objects.get(name)?.subarray(start)', 'memory.*reads the range'],
  ]),
  ...rows('src/storage/filesystem/fs-errors.ts', 'src/storage/filesystem/filesystem-object-store.spec.ts', [
    ['full-disk-unrecognised', 'a full disk is StorageFull', "new Set(['ENOSPC', 'EDQUOT'])", "new Set(['ENOSPC'])", 'a full disk'],
    ['every-error-transient', 'what cannot pass is not tried again', 'transient: code !== undefined && TRANSIENT.has(code)', 'transient: true', 'names no path'],
    ['path-in-an-error', 'errors name no path', '`the file system answered ${code}`', '`the file system answered ${String(error)}`', 'names no path'],
  ]),
  ...rows('src/storage/key-checked.ts', 'src/storage/key-checked.spec.ts', [
    ['any-object-name', 'object names are checked', '/^[0-9a-z._/-]+$/.test(name) &&', '', 'refuses .* before the store is asked'],
    ['dotted-object-name', 'no name climbs out of a store', "!part.startsWith('.') && ", '', 'refuses .* before the store is asked'],
    ['dots-in-an-object-name', 'no name holds two dots', "    !name.includes('..') &&\n", '', 'refuses .* before the store is asked'],
    ['get-of-any-name', 'reads are checked, too', '      check(name);\n      checkRange(options);', '      checkRange(options);', 'refuses .* before the store is asked'],
    ['get-of-any-range', 'ranges are checked', 'if (!whole || (end !== undefined && end < start)) throw', 'if (!whole) throw', 'refuses the range'],
  ]),
  ...rows('src/storage/retrying.ts', 'src/storage/retrying.spec.ts', [
    ['retry-of-permanent-errors', 'a permanent error is not tried again', '!error.transient || ', '', 'does not try again after a permanent'],
    ['retry-once-more', 'tries are bounded', 'failures >= attempts', 'failures > attempts', 'bounds the tries|tries'],
    ['resume-from-the-start', 'a broken read goes on behind its last byte', '{ ...range, start: position }', '{ ...range }', 'goes on behind the last byte'],
    ['retry-without-waiting', 'waits grow', 'baseDelayMillis * 2 ** (failures - 1)', 'baseDelayMillis', 'waits exponentially longer'],
  ]),
  ...rows('src/storage/allow-list.ts', 'src/storage/locations.spec.ts', [
    ['any-host', 'hosts are the operator’s to allow', "if (!this.allowsHost(location.host ?? '')) throw forbidden(location);", '', 'off the list are refused by name'],
    ['any-folder', 'folders are the operator’s to allow', 'if (!innermost) throw forbidden(location);', 'if (!innermost) return location;', 'are refused|are all refused'],
    ['wildcard-without-dot', 'a wildcard covers its own domain only', 'host.endsWith(allowed.slice(1))', 'host.endsWith(allowed.slice(2))', 'off the list are refused by name'],
    ['forbidden-without-host', 'a refusal names the host', "hostNotAllowed(location.host ?? '')", "hostNotAllowed('')", 'off the list are refused by name'],
  ]),
  ...rows('src/storage/found-places.ts', 'src/storage/locations.spec.ts', [
    ['project-as-a-path', 'a project id is no path', 'if (/^[0-9a-z][0-9a-z_-]{0,99}$/.test(projectId)) return projectId;', 'if (projectId.length < 100) return projectId;', 'project'],
  ]),
  ...rows('src/storage/locations.ts', 'src/storage/locations.spec.ts', [
    ['internal-store-as-external', 'the internal store is no external location', 'if (own.overlaps(location)) throw forbidden(location);', '', 'may not reach into an internal store'],
    ['link-off-the-list', 'no link leads off the list', 'if (!inside || ours) throw', 'if (ours) throw', 'are refused if a link leads out of the list'],
    ['link-into-the-internal-store', 'no link leads into the internal store', 'if (!inside || ours) throw', 'if (!inside) throw', 'may not reach into the internal store'],
    ['own-credentials-lent', 'the deployment’s credentials are its own', 'keep: locationAbove(root), credentials, http', 'keep: locationAbove(root), credentials: credentials ?? this.settings.internalCredentials, http', 'with the credentials of the request only'],
    ['source-of-another-project', 'a source lies below the token’s project', 'place?.folder !== folderOf(projectId) || ', '', 'away to nobody'],
    ['store-unchecked', 'every store is key-checked', 'return keyChecked(retrying(decorated, this.settings.retry));', 'return retrying(decorated, this.settings.retry);', 'are retried below the name check'],
    ['store-not-retried', 'every store is retried', 'return keyChecked(retrying(decorated, this.settings.retry));', 'return keyChecked(decorated);', 'are retried below the name check'],
  ]),
];
