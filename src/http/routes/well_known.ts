// The documents below /.well-known, readable by anybody from any page.

import type { FastifyPluginAsync } from 'fastify';
import { authorizationServerMetadata, type MetadataDeps, protectedResourceMetadata } from '../../oauth/metadata.ts';
import { webfinger } from '../../oauth/webfinger.ts';
import { JWKS_MAX_AGE, type Keyring } from '../../tokens/keyring.ts';
import { queryText } from '../server/query_text.ts';

interface Deps {
  public_url: string;
  facts: MetadataDeps;
  keyring: Pick<Keyring, 'jwks'>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

export function wellKnownRoute({ public_url, facts, keyring }: Deps): FastifyPluginAsync {
  // Constant while the process runs. As text they are sent in one write with their headers.
  const server = JSON.stringify(authorizationServerMetadata(public_url, facts));
  const documents = {
    'openid-configuration': server,
    'oauth-authorization-server': server,
    'oauth-protected-resource': JSON.stringify(protectedResourceMetadata(public_url)),
  };
  const config = { answers: 'home_assistant', cors: 'any' } as const;
  const cache_control = `public, max-age=${JWKS_MAX_AGE}`;
  return async (app) => {
    for (const [name, document] of Object.entries(documents)) {
      app.get(`/.well-known/${name}`, { config }, async (_request, reply) => {
        return reply.header('cache-control', cache_control).type(JSON_TYPE).send(document);
      });
    }
    let written: { published: unknown; document: string } | undefined;
    app.get('/.well-known/jwks.json', { config }, async (_request, reply) => {
      const published = keyring.jwks();
      if (written?.published !== published) written = { published, document: JSON.stringify(published) };
      return reply.header('cache-control', cache_control).type(JSON_TYPE).send(written.document);
    });
    app.get('/.well-known/webfinger', { config }, async (request, reply) => {
      const document = webfinger(new URLSearchParams(queryText(request)), public_url);
      return reply.header('cache-control', cache_control).type('application/jrd+json; charset=utf-8').send(JSON.stringify(document));
    });
    // https://w3c.github.io/webappsec-change-password-url/
    app.get('/.well-known/change-password', async (_request, reply) => reply.redirect('/account/security', 302));
  };
}
