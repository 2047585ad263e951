import { KeystoneTokenValidator } from '../../src/auth/keystone';
import { describeTokenValidatorContract } from '../contract/token-validator.contract';
import { KeystoneService, pythonIsThere } from '../setup/keystone-service';

const describeIfThere = pythonIsThere('the guard') ? describe : describe.skip;

describeIfThere('On a real Keystone', () => {
  let keystone: KeystoneService;
  beforeAll(async () => {
    keystone = await KeystoneService.shared();
  }, 180_000);

  describeTokenValidatorContract('a real Keystone', async () => ({
    validator: new KeystoneTokenValidator(keystone.serviceUser),
    demoMember: { token: await keystone.logIn('member'), projectId: keystone.ids.projects['demo'] ?? '', roles: ['member', 'reader'] },
    otherAdmin: {
      token: await keystone.logIn('admin', { project: 'admin' }),
      projectId: keystone.ids.projects['admin'] ?? '',
      roles: ['admin', 'manager', 'member', 'reader'],
    },
    cleanup: () => Promise.resolve(),
  }));
});
