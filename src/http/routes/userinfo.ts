// GET and POST /auth/userinfo (OpenID Connect Core section 5.3), and GET /auth/userinfo/emails.

import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { AuthError } from '../../domain/errors.ts';
import type { JsonObject } from '../../domain/json.ts';
import type { Userinfo, UserinfoAnswer } from '../../oauth/userinfo.ts';
import type { Dpop } from '../../tokens/dpop.ts';
import { bearerChallenge, presentedAccessToken } from '../server/access_token.ts';
import { parameterBody } from '../server/body.ts';
import { dpopProofs } from '../server/dpop_proofs.ts';
import { type ForgedTokenDeps, isForged } from '../server/forged_token.ts';

interface UserinfoDeps extends ForgedTokenDeps {
  userinfo: Userinfo;
  dpop: Dpop;
}

const PATH = '/auth/userinfo';
/** Grafana asks here when neither the ID token nor userinfo has an e-mail address. */
const EMAILS = `${PATH}/emails`;

export function userinfoRoute({ userinfo, dpop, ...deps }: UserinfoDeps): FastifyPluginAsync {
  async function answerTo(request: FastifyRequest, reply: FastifyReply, path: string): Promise<UserinfoAnswer> {
    const presented = presentedAccessToken(request, request.method === 'POST' ? await parameterBody(request) : undefined);
    if (!presented) {
      reply.header('www-authenticate', bearerChallenge('Bearer'));
      throw new AuthError('unauthenticated', '', { detail: 'no access token' });
    }
    const { method, remote_address } = request;
    try {
      return await userinfo.answer({ method, path, remote_address, proofs: dpopProofs(request, reply, dpop), ...presented });
    } catch (error) {
      if (!(error instanceof AuthError) || error.status >= 500) throw error;
      request.counts_as_failure = error.code === 'invalid_token' && (await isForged(presented.access_token, deps));
      reply.header('www-authenticate', bearerChallenge(presented.scheme, error));
      // RFC 9449 section 9
      if (error.code === 'use_dpop_nonce') throw new AuthError('resource_needs_nonce', error.description);
      if (error.code !== 'invalid_dpop_proof') throw error;
      // RFC 9449 section 7.1: an invalid proof is treated like an invalid token.
      throw new AuthError('invalid_token', error.description, { detail: error.code, cause: error.cause });
    }
  }

  const config = { answers: 'oauth', cors: 'any', database_only: true } as const;
  return async (app) => {
    const handler = async (request: FastifyRequest, reply: FastifyReply) => {
      const { claims, jwt } = await answerTo(request, reply, PATH);
      return jwt === null ? claims : reply.type('application/jwt').send(jwt);
    };
    app.get(PATH, { config }, handler);
    app.post(PATH, { config }, handler);
    app.get(EMAILS, { config }, async (request, reply) => emailsOf((await answerTo(request, reply, EMAILS)).claims));
  };
}

/** As GitHub lists them; empty without the scope `email`. */
function emailsOf({ email, email_verified }: JsonObject): JsonObject[] {
  return email === undefined ? [] : [{ email, primary: true, verified: email_verified === true }];
}
