// Token exchange (RFC 8693): a resource server exchanges an access token for one to call another
// server for the same user. The new token has no more rights and no longer lifetime, names the
// actor, and is revoked with the same grant.
import { isConfidential } from '../domain/client.ts';
import { epochSeconds } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { JsonObject, JsonValue } from '../domain/json.ts';
import { isLocalAddress } from '../domain/network.ts';
import type { AccessTokenClaims } from '../domain/token.ts';
import { type Grant, type GrantDeps, type GrantRequest, type GrantType, lifetimesFor } from '../tokens/grant.ts';
import { permittedScope, requestedResource } from '../tokens/requested.ts';

type Parameters = ReadonlyMap<string, string>;
type ExchangingClient = NonNullable<GrantRequest['client']>;
/** A token that belongs to a user's grant. */
type UserClaims = AccessTokenClaims & { refresh_token_id: string };

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** Scopes of a login: an exchange yields no ID token and no refresh token. */
const LOGIN_SCOPES = ['openid', 'offline_access'];
/** Maximum length of the chain of actors in a token. */
const MAX_ACTORS = 5;

export const grant: GrantType = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  create: (deps) => (deps.token_exchange_enabled ? create(deps) : null),
};

function create({ repositories, accessTokens, clock, lifetimes, audit, public_url }: GrantDeps): Grant {
  const { tokenExchanges } = repositories;

  function readSubject(parameters: Parameters, client: ExchangingClient): UserClaims {
    const claims = accessTokens.read(parameters.get('subject_token') ?? '', { for_anyone: true });
    if (!claims) throw refused('not an access token of this server, or expired');
    const { refresh_token_id, client_id, aud } = claims;
    if (refresh_token_id === undefined) throw refused('no user is behind it');
    // A token meant for another client cannot be exchanged.
    const is_meant = client_id === client.client_id || [aud].flat().some((uri) => client.resources.includes(uri));
    if (!is_meant) throw refused('it is neither the client’s own nor meant for it');
    return { ...claims, refresh_token_id };
  }

  return {
    async authorize(request) {
      const { parameters, client, dpop_jkt, remote_address } = request;
      if (!client || !isConfidential(client)) throw new AuthError('unauthorized_client', 'The client may not use this grant');
      judgeForm(parameters);
      const subject = readSubject(parameters, client);
      // RFC 9449 section 7.1: a key-bound token requires proof of its key here, too.
      if (subject.cnf && subject.cnf.jkt !== dpop_jkt) throw refused('it is bound to another key');
      const { sub: user_id, jti, refresh_token_id, client_id: subject_client_id } = subject;
      const now = clock();
      const remaining = subject.exp - epochSeconds(now);
      if (remaining <= 0) throw refused('expired');
      const scope = permittedScope(parameters, grantable(subject, client));
      const resource = targetOf(parameters, subject, client, public_url);
      const act = actorOf(subject, client.client_id);
      const remote_is_local = isLocalAddress(remote_address);
      const { allowed_group_ids, client_id } = client;
      const [login] = await tokenExchanges.find({ refresh_token_id, user_id, jti, now, remote_is_local, allowed_group_ids });
      if (!login) throw refused('its grant is over, or its user may have no tokens here');
      const detail = { refresh_token_id, subject_client_id, scope, resource };
      audit.record({ type: 'access_token.exchanged', outcome: 'done', target_user_id: user_id, client_id, remote_address, detail });
      return {
        user_id,
        refresh_token_id,
        profile: 'standard',
        client_id,
        client,
        access_token_expiration: Math.min(lifetimesFor(client, lifetimes).access_token, remaining),
        ...login,
        scope,
        resource,
        ...{ sid: null, nonce: null, claims: null },
        dpop_jkt,
        refresh_token: null,
        ha_auth_provider: null,
        act,
        issued_token_type: ACCESS_TOKEN,
      };
    },
  };
}

/** RFC 8693 section 2.1 */
function judgeForm(parameters: Parameters): void {
  if (!parameters.get('subject_token')) throw new AuthError('invalid_request', 'subject_token is missing');
  if (parameters.get('subject_token_type') !== ACCESS_TOKEN)
    throw new AuthError('invalid_request', 'subject_token_type must be that of an access token');
  if ((parameters.get('requested_token_type') || ACCESS_TOKEN) !== ACCESS_TOKEN)
    throw new AuthError('invalid_request', 'Only access tokens are issued');
  if (parameters.get('actor_token')) throw new AuthError('invalid_request', 'actor_token is not supported: the client is the actor');
}

/** The scopes of both the token and the client. */
function grantable({ scope }: UserClaims, client: ExchangingClient): string[] {
  return scope.split(' ').filter((name) => client.scope.includes(name) && !LOGIN_SCOPES.includes(name));
}

/**
 * The requested servers, or else those of the subject token; this server only if it was among them.
 */
function targetOf(parameters: Parameters, subject: UserClaims, client: ExchangingClient, own_resource: string): string[] {
  const before = [subject.aud].flat();
  const wanted = requestedResource(parameters) ?? [];
  const audience = parameters.get('audience')?.split(' ').filter(Boolean) ?? [];
  const target = [...new Set([...wanted, ...audience])];
  const foreign = target.find((uri) => !(uri === own_resource ? before.includes(uri) : client.resources.includes(uri)));
  if (foreign !== undefined)
    throw new AuthError('invalid_target', 'The client may not ask for tokens for that resource', { detail: foreign });
  return target.length > 0 ? target : before;
}

/** The client, and nested within it earlier actors (RFC 8693 section 4.1). */
function actorOf({ act }: UserClaims, client_id: string): JsonObject {
  if (actors(act) >= MAX_ACTORS) throw refused('it was exchanged too often');
  return act ? { sub: client_id, act } : { sub: client_id };
}

function actors(act: JsonValue | undefined): number {
  return typeof act === 'object' && act !== null && !Array.isArray(act) ? 1 + actors(act.act) : 0;
}

function refused(detail: string): AuthError {
  return new AuthError('invalid_request', 'The subject token is not acceptable', { detail });
}
