export { S3ObjectStore, S3Options } from './s3-object-store';
