/** Rows of a page before the weight of rows is known, and at most. */
const FIRST_PAGE_ROWS = 50;
export const MAX_PAGE_ROWS = 5_000;

/** What the rows that were read so far weigh: tells how many fill a page. */
export class PageWeight {
  private rows = 0;
  private bytes = 0;

  add(rows: number, bytes: number): void {
    this.rows += rows;
    this.bytes += bytes;
  }

  /** 1 or more. */
  fittingRows(pageBytes: number): number {
    if (this.rows === 0) return FIRST_PAGE_ROWS;
    return Math.max(1, Math.min(MAX_PAGE_ROWS, Math.ceil(pageBytes / Math.max(1, this.bytes / this.rows))));
  }
}
