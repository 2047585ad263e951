import { IsBoolean, IsInt, IsOptional, IsUrl, Min } from 'class-validator';

/** Injection token of the settings of the backup and restore calls. */
export const BACKUP_OPTIONS = Symbol('BackupOptions');

/** Settings of the backup and restore calls. */
export class BackupOptions {
  /** How many backups a project may have in its catalogue, failed ones included; one more is 413. Absent: any number. */
  @IsOptional()
  @IsInt()
  @Min(1)
  readonly maxBackupsPerProject?: number;

  /**
   * The operator's word that every process that writes to the tables is a gateway that knows of locks and swaps: without it,
   * `replace` is refused. Absent: what the tables' backend says of itself.
   */
  @IsOptional()
  @IsBoolean()
  readonly exclusiveGateways?: boolean;

  /** What clients call this service (scheme and authority), for the links of answers. Absent: what the request's Host header says. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_protocol: true, require_tld: false })
  readonly publicUrl?: string;

  /** Believe `X-Forwarded-Proto` and `X-Forwarded-Host`: only behind a proxy that sets both. Default false. */
  @IsOptional()
  @IsBoolean()
  readonly trustProxy?: boolean;
}
