export { HttpObjectStore } from './http-object-store';
