export { FilesystemObjectStore, FilesystemOptions } from './filesystem-object-store';
export { isWithin, realPath } from './real-path';
