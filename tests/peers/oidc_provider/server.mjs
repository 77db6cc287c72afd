// An OpenID provider in the layout of Entra, for two clients: one with a secret, one with a certificate.
// Arguments: a JSON file with port, pem, clients (as oidc-provider takes them) and resource.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const given = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const prefix = '/tenant/v2.0';
const signing = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(`https://127.0.0.1:${given.port}${prefix}`, {
  clients: given.clients,
  jwks: { keys: [{ ...signing, use: 'sig', alg: 'RS256', kid: 'signing' }] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => given.resource,
      getResourceServerInfo: () => ({
        scope: `${given.resource}/.default`,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 1800,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
const serve = provider.callback();

const pem = readFileSync(given.pem);
createServer({ key: pem, cert: pem }, (request, response) => {
  if (!request.url.startsWith(prefix)) {
    response.writeHead(404).end('{"error": "no such tenant"}');
    return;
  }
  request.originalUrl = request.url;
  request.url = request.url.slice(prefix.length);
  serve(request, response);
}).listen(given.port, '127.0.0.1');
