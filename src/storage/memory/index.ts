export { MemoryObjectStore, MemoryOptions } from './memory-object-store';
