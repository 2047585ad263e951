import type { TableSchema } from '../../../kernel';
import type { Position } from '../positions';
import type { NodeOptions } from './node-connection';
import type { EncodedPage, LineOptions } from './page-lines';

/** What the lane is told once. */
export interface LaneOptions extends NodeOptions {
  /** As the protocol numbers them. */
  readonly consistency: number;
}

/** Asks for a page. */
export interface LaneRequest extends LineOptions {
  readonly id: number;
  /** `host:port` of the node to ask. */
  readonly address: string;
  readonly schema: TableSchema;
  readonly cqlName: string;
  readonly indexRows: boolean;
  readonly where: string;
  /** As they stand in a frame. */
  readonly values: readonly Uint8Array[];
  readonly fetchSize: number;
  readonly pageState: string | undefined;
  /** May the page behind it be asked for before anybody wants it? */
  readonly ahead: boolean;
  /** Memory of earlier lines that nobody looks at any more. */
  readonly spares: readonly ArrayBuffer[];
}

/** What became of it. */
export type LaneReply =
  | { readonly id: number; readonly page: LanePage }
  /** `server`: the node's own word; `too-much`: less must be asked for; `broken`: of the connection; `unsupported`: for the driver to read; `item`: the data model has no such item. */
  | { readonly id: number; readonly failure: LaneFailure };

export interface LanePage extends Omit<EncodedPage, 'last'> {
  readonly last: Position | undefined;
  readonly pageState: string | undefined;
}

export interface LaneFailure {
  readonly kind: 'server' | 'too-much' | 'broken' | 'unsupported' | 'item';
  /** Of `server`. */
  readonly code: number;
  readonly message: string;
}
