// Passkeys and security keys (WebAuthn): as a second factor, or alone if the device verified its
// user. A challenge accepts one answer within five minutes; signature counter and backup state are
// stored with the device.

import { randomBytes } from 'node:crypto';
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server';
import { z } from 'zod';
import type { FormField, FormValues } from '../domain/form.ts';
import type { JsonObject } from '../domain/json.ts';
import type {
  CommonMfaModuleConfig,
  Enrolment,
  MfaModule,
  MfaModuleType,
  MfaUser,
  MfaVerdict,
  NewEnrolment,
  PasswordlessFactor,
  SetupForm,
} from '../domain/mfa_module.ts';
import { safeEqual } from '../domain/secret.ts';

/** The browser's response as JSON. */
const CREDENTIAL: FormField = { type: 'string', name: 'credential', required: true };
const NAME: FormField = { type: 'string', name: 'device_name', required: false, optional: true };
const CHALLENGE_SECONDS = 300;
/** EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];
const MAX_NAME_LENGTH = 100;

const assertionSchema = z.object({
  id: z.string().min(1).max(2048),
  rawId: z.string(),
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: z.string(),
    authenticatorData: z.string(),
    signature: z.string(),
    userHandle: z.string().optional(),
  }),
  clientExtensionResults: z.object({}).default({}),
});

const attestationSchema = z.object({
  id: z.string().min(1).max(2048),
  rawId: z.string(),
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: z.string(),
    attestationObject: z.string(),
    transports: z.array(z.string().max(32)).max(10).default([]),
  }),
  clientExtensionResults: z.object({}).default({}),
});

/** The stored data of a device. */
const deviceSchema = z.object({
  credential_id: z.string(),
  public_key: z.string(),
  counter: z.number(),
  transports: z.array(z.string()),
  device_type: z.enum(['singleDevice', 'multiDevice']),
  backed_up: z.boolean(),
});

type Device = z.infer<typeof deviceSchema>;

export const mfa_module: MfaModuleType<CommonMfaModuleConfig> = {
  type: 'passkey',
  default_name: 'Passkey',
  config: z.object({}),
  create({ id, type, name = mfa_module.default_name }, { public_url }) {
    const site = siteOf(public_url);
    if (!site) return null;
    return {
      id,
      type,
      name,
      max_retries: 5,
      several: true,
      is_backup: false,
      challenges_once: true,
      delivers: false,
      data_schema: [CREDENTIAL],
      challenge: async ({ enrolments, now }) => ({ type: 'form', ...request(site, now, 'preferred', enrolments.map(deviceOf)) }),

      async verify({ enrolments, state, values, now }) {
        const enrolment = enrolments.find(({ secret }) => secret.credential_id === claimedId(values));
        if (!enrolment) return { ok: false, detail: 'a passkey that is not enrolled' };
        return judge({ site, enrolment, state, values, now, user_verification: false });
      },

      setup: async ({ user, enrolments, shown, now }) => (shown ? register(site, shown, now) : creation(site, user, enrolments, now)),
      only_factor: onlyFactor(site),
    } satisfies MfaModule;
  },
};

/** The relying party. */
interface Site {
  origin: string;
  /** The RP ID. */
  id: string;
}

/** Null where browsers offer no WebAuthn: insecure contexts, and hosts without a name. */
function siteOf(public_url: string): Site | null {
  const { origin, protocol, hostname } = new URL(public_url);
  const is_secure = protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost');
  const is_name = /[a-z]/.test(hostname) && !hostname.startsWith('[');
  return is_secure && is_name ? { origin, id: hostname } : null;
}

function onlyFactor(site: Site): PasswordlessFactor {
  return {
    challenge: async (now) => request(site, now, 'required', []),
    deviceOf: claimedId,
    async verify({ user_id, enrolment, state, values, now }) {
      const handle = read(assertionSchema, values)?.response.userHandle ?? '';
      // The user handle that the device reports must match.
      if (!safeEqual(Buffer.from(handle, 'base64url'), Buffer.from(user_id))) return { ok: false, detail: 'a passkey of another user' };
      return judge({ site, enrolment, state, values, now, user_verification: true });
    },
  };
}

/** Options for `navigator.credentials.get`; without devices the person chooses one. */
function request(site: Site, now: Date, userVerification: 'preferred' | 'required', devices: readonly Device[]) {
  const state = newState(now);
  const allowCredentials = devices.map(({ credential_id, transports }) => ({ type: 'public-key', id: credential_id, transports }));
  const options = { challenge: state.challenge, rpId: site.id, timeout: CHALLENGE_SECONDS * 1000, userVerification, allowCredentials };
  return { state, description_placeholders: { passkey_request: JSON.stringify(options) } };
}

/** Options for `navigator.credentials.create`. */
function creation(site: Site, user: MfaUser, enrolments: readonly Enrolment[], now: Date): SetupForm {
  const state = newState(now);
  const name = user.name ?? user.id;
  const options = {
    challenge: state.challenge,
    rp: { id: site.id, name: site.id },
    user: { id: Buffer.from(user.id).toString('base64url'), name, displayName: name },
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: 'public-key', alg })),
    timeout: CHALLENGE_SECONDS * 1000,
    attestation: 'none',
    excludeCredentials: enrolments.map(deviceOf).map(({ credential_id: id, transports }) => ({ type: 'public-key', id, transports })),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
  };
  const description_placeholders = { passkey_creation: JSON.stringify(options) };
  return { type: 'form', step_id: 'init', data_schema: [CREDENTIAL, NAME], errors: {}, description_placeholders, state };
}

async function register(site: Site, { form, values }: { form: SetupForm; values: FormValues }, now: Date) {
  const enrolment = isFresh(form.state, now) ? await attested(site, form.state, values) : null;
  // The challenge is used up; another attempt starts anew.
  return enrolment ? ({ type: 'enrolled', enrolment } as const) : ({ type: 'abort', reason: 'invalid_passkey' } as const);
}

async function attested(site: Site, state: JsonObject, values: FormValues): Promise<NewEnrolment | null> {
  const response = read(attestationSchema, values);
  if (!response) return null;
  const { verifyRegistrationResponse } = await import('@simplewebauthn/server');
  const result = await verifyRegistrationResponse({
    response: response as RegistrationResponseJSON,
    ...expected(site, state),
    requireUserVerification: false,
    supportedAlgorithmIDs: ALGORITHMS,
  }).catch(() => null);
  if (!result?.verified) return null;
  const { credential, credentialDeviceType: device_type, credentialBackedUp: backed_up } = result.registrationInfo;
  const { id: credential_id, counter } = credential;
  const public_key = Buffer.from(credential.publicKey).toString('base64url');
  const { transports } = response.response;
  const name = values.device_name?.trim().slice(0, MAX_NAME_LENGTH) || 'Passkey';
  return { secret: { credential_id, public_key, counter, transports, device_type, backed_up }, device_id: credential_id, name };
}

interface Assertion {
  site: Site;
  enrolment: Enrolment;
  state: JsonObject;
  values: FormValues;
  now: Date;
  user_verification: boolean;
}

async function judge({ site, enrolment, state, values, now, user_verification }: Assertion): Promise<MfaVerdict> {
  const response = read(assertionSchema, values);
  if (!response || !isFresh(state, now)) return { ok: false, detail: 'no assertion, or one that is too old' };
  const device = deviceOf(enrolment);
  const { credential_id: id, counter } = device;
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server');
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as AuthenticationResponseJSON,
      ...expected(site, state),
      credential: { id, publicKey: new Uint8Array(Buffer.from(device.public_key, 'base64url')), counter },
      requireUserVerification: user_verification,
    });
    if (!verified) return { ok: false, detail: 'a wrong signature' };
    const { newCounter, credentialDeviceType: device_type, credentialBackedUp: backed_up } = authenticationInfo;
    const secret = { ...device, counter: newCounter, device_type, backed_up };
    return { ok: true, enrolment_id: enrolment.id, secret, amr: [device_type === 'singleDevice' ? 'hwk' : 'swk', 'user'] };
  } catch (error) {
    // Includes a counter that decreased: the device may have been cloned.
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function expected(site: Site, { challenge }: JsonObject) {
  return { expectedChallenge: String(challenge), expectedOrigin: site.origin, expectedRPID: site.id };
}

function newState(now: Date): { challenge: string; issued_at: number } {
  return { challenge: randomBytes(32).toString('base64url'), issued_at: now.getTime() };
}

function isFresh({ issued_at }: JsonObject, now: Date): boolean {
  return now.getTime() - Number(issued_at) <= CHALLENGE_SECONDS * 1000;
}

function deviceOf({ secret }: Enrolment): Device {
  return deviceSchema.parse(secret);
}

function claimedId(values: FormValues): string | null {
  return read(assertionSchema, values)?.id ?? null;
}

function read<Schema extends z.ZodType>(schema: Schema, { credential = '' }: FormValues): z.output<Schema> | null {
  try {
    return schema.safeParse(JSON.parse(credential)).data ?? null;
  } catch {
    return null;
  }
}
