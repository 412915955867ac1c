// The protocol package's own validators, as a filter: {"method", "params"} lines in, their finding out ("" when none).
// Usage: node wire_oracle.mjs PACKAGE_ENTRY
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const protocol = await import(pathToFileURL(process.argv[2]).href);
const special = { connect: 'validateConnectParams', 'device.pair.list': 'validateDevicePairListParams' };
const nameOf = (method) =>
  special[method] ?? 'validate' + method.split(/[.-]/).map((w) => w[0].toUpperCase() + w.slice(1)).join('') + 'Params';

for await (const line of createInterface({ input: process.stdin })) {
  const { method, params } = JSON.parse(line);
  const validate = protocol[nameOf(method)];
  if (!validate) console.log('null');
  else console.log(JSON.stringify(validate(params) ? '' : protocol.formatValidationErrors(validate.errors)));
}
