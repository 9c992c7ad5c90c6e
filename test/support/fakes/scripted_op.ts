// A server that answers what a test says, well or badly: discovery, keys, tokens and userinfo of an
// OpenID Provider, with a count of what was asked.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export type ScriptedOp = Awaited<ReturnType<typeof startScriptedOp>>;

/** An answer: JSON with status 200, unless it says otherwise. */
type Answer = Record<string, unknown> | { status: number; headers?: Record<string, string>; text?: string } | 'silence';

export async function startScriptedOp() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const public_jwk = { ...(await exportJWK(publicKey)), kid: 'known', alg: 'ES256', use: 'sig' };
  const usual: Record<string, Answer> = {
    '/.well-known/openid-configuration': {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/userinfo`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'HS256', 'none'],
      authorization_response_iss_parameter_supported: true,
    },
    '/jwks': { keys: [public_jwk] },
    '/userinfo': { sub: 'eve', name: 'Eve' },
    '/token': { status: 400, text: '{"error":"invalid_grant"}' },
  };
  let script = { ...usual };
  const asked: { path: string; body: string; headers: IncomingMessage['headers'] }[] = [];
  server.on('request', (request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? '';
    asked.push({ path, body, headers: request.headers });
    const said = script[path] ?? { status: 404 };
    if (said === 'silence') return;
    const {
      status = 200,
      headers = {},
      text = JSON.stringify(said),
    } = typeof said.status === 'number' ? (said as { status: number; text?: string; headers?: Record<string, string> }) : {};
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  }

  return {
    issuer,
    private_key: privateKey,
    public_jwk,
    asked: (path: string) => asked.filter((request) => request.path === path),
    /** From now on these answers, and the usual ones beside them. */
    say(answers: Record<string, Answer> = {}): void {
      script = { ...usual, ...answers };
      asked.length = 0;
    },
    usual: (path: string) => usual[path] as Record<string, unknown>,
    /** An ID token for client `latchkey`, signed with the key that everybody can know. */
    async idToken(claims: JWTPayload, header: { kid?: string } = {}): Promise<string> {
      const now = Math.floor(Date.now() / 1000);
      const usual_claims = { iss: issuer, sub: 'eve', aud: 'latchkey', iat: now, exp: now + 300 };
      return await new SignJWT({ ...usual_claims, ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'known', ...header })
        .sign(privateKey);
    },
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
