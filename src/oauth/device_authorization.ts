// The device authorization endpoint without HTTP (RFC 8628 section 3.1): issues a device code to
// poll with and a user code to enter in a browser.
import type { Audit } from '../domain/audit_event.ts';
import { addSeconds, type Clock } from '../domain/clock.ts';
import { AuthError } from '../domain/errors.ts';
import type { RowQuota, RowQuotas } from '../domain/row_quota.ts';
import { randomToken, sha256 } from '../domain/secret.ts';
import { DEVICE_CODE_GRANT, newUserCode, showUserCode } from '../domain/user_code.ts';
import type { DeviceCodeRepository, NewDeviceCode } from '../repository/device_codes.ts';
import type { RequestContext } from '../tokens/grant.ts';
import { permittedResource, permittedScope } from '../tokens/requested.ts';
import type { ClientAuthentication } from './client_authentication.ts';
import type { ClientDirectory } from './client_directory.ts';

/** Lifetime in seconds. */
const LIFETIME = 600;
/** Minimum seconds between polls. */
const INTERVAL = 5;
const MAX_ACR_VALUES_LENGTH = 200;

type Parameters = ReadonlyMap<string, string>;

export interface DeviceAuthorizationDeps {
  clientAuthentication: ClientAuthentication;
  clientDirectory: Pick<ClientDirectory, 'isRefused'>;
  deviceCodes: Pick<DeviceCodeRepository, 'store'>;
  rowQuotas: RowQuotas;
  clock: Clock;
  audit: Audit;
  public_url: string;
}

/** RFC 8628 section 3.2 */
export interface DeviceAuthorizationResponse {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

export type DeviceAuthorization = ReturnType<typeof createDeviceAuthorization>;

export function createDeviceAuthorization(deps: DeviceAuthorizationDeps) {
  const { clientAuthentication, clientDirectory, deviceCodes, rowQuotas, clock, audit, public_url } = deps;

  /** A collision of user codes is rare; two in a row mean that the address has too many. */
  async function store(row: Omit<NewDeviceCode, 'user_code'>, quota: RowQuota): Promise<string> {
    for (const user_code of [newUserCode(), newUserCode()]) if (await deviceCodes.store({ ...row, user_code }, quota)) return user_code;
    throw new AuthError('too_many_requests', 'Too many device codes from this address', { retry_after: LIFETIME });
  }

  return {
    /** Issues the codes; throws errors of RFC 6749 section 5.2. */
    async start(
      parameters: Parameters,
      context: Pick<RequestContext, 'authorization' | 'remote_address' | 'is_cross_site' | 'asker'>,
    ): Promise<DeviceAuthorizationResponse> {
      const { authorization, remote_address, is_cross_site, asker = remote_address } = context;
      const endpoint = '/auth/device_authorization';
      const client = await clientAuthentication.authenticate({ authorization, parameters, remote_address: asker, endpoint });
      const { client_id, grant_types } = client;
      if (await clientDirectory.isRefused(client_id)) throw new AuthError('unauthorized_client', 'This client is not allowed');
      if (!grant_types.includes(DEVICE_CODE_GRANT)) throw new AuthError('unauthorized_client', 'The client may not use this grant');
      const scope = parameters.get('scope') ? permittedScope(parameters, client.scope) : [];
      const resource = permittedResource(parameters, client, public_url);
      const login = { max_age: readMaxAge(parameters) ?? client.default_max_age, acr_values: readAcrValues(parameters) };
      const now = clock();
      const device_code = randomToken('lk_dc_');
      const times = { created_at: now, expires_at: addSeconds(now, LIFETIME), poll_interval: INTERVAL };
      const asked = { client_id, scope, resource, ...login, ...times };
      const quota = rowQuotas({ remote_address, is_cross_site, client });
      const code = await store({ device_code_hash: sha256(device_code), ...asked }, quota);
      audit.record({ type: 'device_code.issued', outcome: 'done', client_id, remote_address, detail: { scope } });
      const uris = { verification_uri: verificationUri(public_url), verification_uri_complete: verificationUri(public_url, code) };
      return { device_code, user_code: showUserCode(code), ...uris, expires_in: LIFETIME, interval: INTERVAL };
    },
  };
}

/** The URL where a person enters the code, prefilled if one is given. */
export function verificationUri(public_url: string, user_code?: string): string {
  const uri = `${public_url}/device`;
  return user_code === undefined ? uri : `${uri}?${new URLSearchParams({ user_code: showUserCode(user_code) })}`;
}

/**
 * Requirements on the login, as at the authorization endpoint (OpenID Connect Core section
 * 3.1.2.1).
 */
function readMaxAge(parameters: Parameters): number | null {
  const text = parameters.get('max_age') || null;
  if (text === null) return null;
  if (!/^\d{1,9}$/.test(text)) throw new AuthError('invalid_request', 'max_age must be a number of seconds');
  return Number(text);
}

function readAcrValues(parameters: Parameters): string[] {
  const text = parameters.get('acr_values') ?? '';
  if (text.length > MAX_ACR_VALUES_LENGTH) throw new AuthError('invalid_request', 'acr_values is too long');
  return text.split(' ').filter(Boolean);
}
