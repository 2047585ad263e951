const rows = require('../rows');

const UNIT = 'src/auth/keystone/keystone-token-validator.spec.ts';

module.exports = [
  ...rows('src/auth/keystone/keystone-client.ts', UNIT, [
    ['keystone-clock-ignored', 'clocks may be minutes apart', 'expiresAt: millis - aheadMs,', 'expiresAt: millis,', 'clock is'],
    ['keystone-clock-the-least', 'no token is believed beyond its end by Keystone’s clock', '? most : 0;', '? most - 2000 : 0;', 'not beyond'],
    ['cut-connection-is-an-outage', 'a connection that is cut is no outage', '(wasCut(error) ? ask() : Promise.reject(error))', 'Promise.reject(error)', 'asks once more'],
  ]),
];
