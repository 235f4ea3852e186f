/** What PODWIRE_ADDON may name: the real addon with the lie of PODWIRE_LIE, in every thread of a node. */
const { lying } = require('../unit/os/lies.js');
const { loadAddon } = require('../../src/os/addon.js');

const { PODWIRE_ADDON: _, ...environment } = process.env;
module.exports = lying(loadAddon(environment), process.env['PODWIRE_LIE'] ?? '');
