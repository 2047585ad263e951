import { randomUUID } from 'node:crypto';
import { objectStoreContract } from '../../../test/contract/object-store.contract';
import { pythonIsThere } from '../../../test/setup/keystone-service';
import { SwiftService, TESTER } from '../../../test/setup/swift-service';
import { parseLocationUrl } from '../../kernel';
import { HttpConnect } from '../http-connect';
import { keyChecked } from '../key-checked';
import { logInAtSwift } from './log-in';
import { SwiftClient } from './swift-client';
import { SwiftObjectStore } from './swift-object-store';
import { TokenSession } from './token-session';

const describeOnSwift = pythonIsThere('the Swift store') ? describe : describe.skip;

describeOnSwift('SwiftObjectStore', () => {
  const http = new HttpConnect();
  let swift: SwiftService;

  beforeAll(async () => {
    swift = await SwiftService.shared();
  }, 120_000);
  afterAll(() => http.close());

  function open(container: string, segmentBytes = 2 ** 30): SwiftObjectStore {
    const session = new TokenSession(() => logInAtSwift(http, `${swift.tempauthUrl}/auth/v1.0`, TESTER.user, TESTER.key));
    const storageUrl = `${swift.tempauthUrl}/v1/${TESTER.account}`;
    const root = parseLocationUrl(`swift+${storageUrl}/${container}/some/prefix`, 'root');
    return new SwiftObjectStore({ client: new SwiftClient(http, storageUrl, session), root, segmentBytes });
  }

  for (const [name, segmentBytes] of [['plain objects', 2 ** 30], ['segments', 150_000]] as const) {
    objectStoreContract(`Swift, ${name}`, async () => {
      const container = `contract-${randomUUID()}`;
      return { store: keyChecked(open(container, segmentBytes)), reopen: () => keyChecked(open(container, segmentBytes)) };
    });
  }
});
