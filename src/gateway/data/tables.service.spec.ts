import { TableBackend } from '../../index';
import { TableStatus } from '../../kernel';
import { schemaOf } from '../../../test/contract/table-backend/harness';
import { TablesService } from './tables.service';

describe('what item calls know of their table', () => {
  const ref = { projectId: 'demo', name: 'cities' };
  const schema = schemaOf({ h: 'S' }, 'h');
  /** Describing a table counts its items: no call for an item may wait for that. */
  const service = (status: TableStatus): TablesService => {
    const describeTable = (): never => {
      throw new Error('the table was described');
    };
    return new TablesService({ tableStructure: () => Promise.resolve({ schema, status }), describeTable } as unknown as TableBackend);
  };

  it.each<TableStatus>(['ACTIVE', 'MAINTENANCE'])('is its structure, without counting anything: %s', async (status) => {
    await expect(service(status).schemaOf(ref)).resolves.toBe(schema);
  });

  it.each<TableStatus>(['CREATING', 'DELETING'])('is refused while it is %s', async (status) => {
    await expect(service(status).schemaOf(ref)).rejects.toMatchObject({ code: 'ValidationError' });
  });
});
