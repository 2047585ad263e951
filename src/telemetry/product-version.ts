/** Name and version of this software, as manifests and logs show it. A test compares it with package.json. */
export const PRODUCT_VERSION = 'magnetodb-backup-restore/0.1.0';
